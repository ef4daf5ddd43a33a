/** Encodes rows as frames of the node protocol. */
import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Assignment__Output } from '../../../proto/generated/raworc/node/v0/Assignment.ts';
import type { BuildAssignment__Output } from '../../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import type { Tombstone__Output } from '../../../proto/generated/raworc/node/v0/Tombstone.ts';
import type { AgentSpec__Output } from '../../../proto/generated/raworc/v0/AgentSpec.ts';
import type { CancelMessage__Output } from '../../../proto/generated/raworc/v0/CancelMessage.ts';
import type { Deliver__Output } from '../../../proto/generated/raworc/v0/Deliver.ts';
import type { Router__Output } from '../../../proto/generated/raworc/v0/Router.ts';
import type { AgentProgram, Runtime } from '../../domain/agents/rows.ts';
import type { BuildRow, BuiltAgent } from '../../domain/builds/rows.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { canAnswer } from '../../domain/messages/can-answer.ts';
import { contextOf } from '../../domain/messages/choose-agent.ts';
import { ROUTER, routerTask } from '../../domain/messages/router.ts';
import type { MessageRow, QueueRow } from '../../domain/messages/rows.ts';
import type { Desired, SessionRow, TombstoneRow } from '../../domain/sessions/rows.ts';
import { isSlot } from '../../domain/slots/slot.ts';

const DESIRED: Readonly<Record<Exclude<Desired, 'deleted'>, Assignment__Output['desired']>> = {
  running: 'DESIRED_RUNNING',
  paused: 'DESIRED_PAUSED',
  suspended: 'DESIRED_SUSPENDED',
  failed: 'DESIRED_FAILED',
};

const RUNTIMES: Readonly<Record<Runtime, AgentSpec__Output['runtime']>> = { python: 'PYTHON', node: 'NODE', native: 'NATIVE' };

export const agentSpec = ({
  name,
  runtime,
  handler,
  idempotent,
  timeoutS = 0,
  memoryBytes = 0,
  concurrency = 0,
}: AgentProgram & Pick<BuiltAgent, 'name'>): AgentSpec__Output => ({
  name,
  runtime: RUNTIMES[runtime],
  handler,
  idempotent,
  timeoutS,
  memoryBytes,
  concurrency,
});

/** Returns undefined for a deleted session, which needs a tombstone instead. */
export function assignment(view: View, row: SessionRow): Assignment__Output | undefined {
  if (row.desired === 'deleted') return undefined;
  return {
    sessionId: row.id,
    generation: row.generation,
    desired: DESIRED[row.desired],
    spec: {
      space: view.get('spaces', row.spaceId)?.name ?? row.spaceId,
      spaceId: row.spaceId,
      image: row.image,
      agents: row.agents.map(agentSpec),
      limits: { ...row.limits },
      volumeExpected: row.hasRun,
      profile: row.profile === 'locked' ? '' : row.profile,
    },
    graceMs: row.graceMs,
    settledSeq: settledSeq(view, row),
    copyFrom: row.copyFrom ?? '',
    slot: isSlot(row),
    // What a process has in its environment cannot change: with secrets, it starts once somebody asks for them.
    // Of an agent that was stopped, none starts.
    startWorkers: isSlot(row) && view.secretsIn(row.spaceId).length === 0 && row.agents.every(({ name }) => canAnswer(view, row, name)),
    cancelled: view.cancelled(row.id).map(cancelMessage),
  };
}

/**
 * Up to this number, no message waits for an answer. Never decreases, so a late frame does no harm.
 */
function settledSeq(view: View, row: SessionRow): number {
  const [waiting] = view.queued(row.id, 1);
  return waiting === undefined ? row.lastSeq : waiting.seq - 1;
}

/** After messages were cleared, the guest must not start those that it has queued. */
export function settledUpTo(view: View, row: SessionRow): ControllerFrame {
  return { kind: 'settled', value: { sessionId: row.id, messageId: '', upToSeq: settledSeq(view, row) } };
}

export const tombstone = (row: TombstoneRow): Tombstone__Output => ({ sessionId: row.id, upToGeneration: row.upToGeneration });

/** A message that its guest must not begin, or must interrupt after the grace. */
export const cancelMessage = ({ id, sessionId, seq, cancelGraceMs }: QueueRow): CancelMessage__Output => ({
  sessionId,
  messageId: id,
  seq,
  graceMs: cancelGraceMs ?? 0,
});

export interface Delivering {
  readonly agent: string;
  /** Number of the last unanswered message to an agent before this one, or 0. */
  readonly afterSeq: number;
  /**
   * Whether the message waits for the newest secrets of its space, instead of using those of its
   * guest.
   */
  readonly getsSecrets: boolean;
}

export function deliver(
  view: View,
  session: SessionRow,
  message: MessageRow,
  { agent, afterSeq, getsSecrets }: Delivering,
): ControllerFrame {
  const value: Deliver__Output = {
    sessionId: session.id,
    generation: session.generation,
    seq: message.seq,
    messageId: message.id,
    agent,
    content: message.content,
    contextJson: contextOf(view, session, message),
    afterSeq,
    secretsVersion: getsSecrets ? (view.get('spaces', session.spaceId)?.secretsVersion ?? 0) : 0,
    agents: session.agents.map(({ name }) => name).filter((name) => canAnswer(view, session, name)),
    router: agent === ROUTER ? encodeRouter(view, session) : null,
  };
  return { kind: 'deliver', value };
}

function encodeRouter(view: View, session: SessionRow): Router__Output | null {
  const task = routerTask(view, session);
  if (task === undefined) return null;
  const { api, model, base_url: baseUrl, key_secret: keySecret, max_tokens: maxTokens, timeout_s: timeoutS, agents } = task;
  return {
    api,
    model,
    baseUrl,
    keySecret,
    maxTokens,
    timeoutS,
    agents: agents.map((agent) => ({ ...agent, capabilities: [...agent.capabilities] })),
  };
}

/** Stops an agent in all sessions of its space. `interrupt` also stops a run in progress. */
export const stopAgent = (spaceId: SpaceId, agent: string, interrupt: boolean): ControllerFrame => ({
  kind: 'stopAgent',
  value: { spaceId, agent, interrupt, sessionId: '' },
});

/** Stops an agent in one session, whose newer agent of that name is another one perhaps. */
export const stopAgentIn = ({ id, spaceId }: SessionRow, agent: string): ControllerFrame => ({
  kind: 'stopAgent',
  value: { spaceId, agent, interrupt: false, sessionId: id },
});

/** A build that is no longer wanted. `image` is removed, unless it is empty. */
export const cancelBuild = (buildId: string, image: string): ControllerFrame => ({ kind: 'cancelBuild', value: { buildId, image } });

/** `logTicket`: opens the stream of the build's log; empty if nobody reads it. */
export function buildAssignment(
  view: View,
  build: BuildRow,
  { logTicket = '', repositories = [] }: Partial<Pick<BuildAssignment__Output, 'logTicket' | 'repositories'>> = {},
): ControllerFrame {
  const value: BuildAssignment__Output = {
    buildId: build.id,
    space: view.get('spaces', build.spaceId)?.name ?? build.spaceId,
    image: build.image,
    baseImage: build.baseImage,
    agents: build.agents.map((agent) => ({ spec: agentSpec(agent), digest: agent.digest })),
    logTicket,
    repositories,
  };
  return { kind: 'build', value };
}
