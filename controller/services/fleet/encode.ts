/** Rows as the node protocol says them. */
import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Assignment__Output } from '../../../proto/generated/raworc/node/v0/Assignment.ts';
import type { BuildAssignment__Output } from '../../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import type { Tombstone__Output } from '../../../proto/generated/raworc/node/v0/Tombstone.ts';
import type { AgentSpec__Output } from '../../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Deliver__Output } from '../../../proto/generated/raworc/v0/Deliver.ts';
import type { AgentProgram, Runtime } from '../../domain/agents/rows.ts';
import type { BuildRow, BuiltAgent } from '../../domain/builds/rows.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { contextOf } from '../../domain/messages/answering.ts';
import type { MessageRow } from '../../domain/messages/rows.ts';
import type { Desired, SessionRow, TombstoneRow } from '../../domain/sessions/rows.ts';

const DESIRED: Readonly<Record<Exclude<Desired, 'deleted'>, Assignment__Output['desired']>> = {
  running: 'DESIRED_RUNNING',
  paused: 'DESIRED_PAUSED',
  suspended: 'DESIRED_SUSPENDED',
  failed: 'DESIRED_FAILED',
};

const RUNTIMES: Readonly<Record<Runtime, AgentSpec__Output['runtime']>> = { python: 'PYTHON', node: 'NODE', native: 'NATIVE' };

const agentSpec = ({ name, runtime, handler, idempotent }: AgentProgram & Pick<BuiltAgent, 'name'>): AgentSpec__Output => ({
  name,
  runtime: RUNTIMES[runtime],
  handler,
  idempotent,
});

/** Undefined for a session that is to go: that is a tombstone's to say. */
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
    },
    graceMs: row.graceMs,
    settledSeq: settledSeq(view, row),
    copyFrom: row.copyFrom ?? '',
  };
}

/** No message up to this number waits for an answer any more. Never falls, and so true however late it is heard. */
function settledSeq(view: View, row: SessionRow): number {
  const [waiting] = view.queued(row.id, 1);
  return waiting === undefined ? row.lastSeq : waiting.seq - 1;
}

/** Messages were cleared: what its guest has not begun is not to be begun. */
export function settledUpTo(view: View, row: SessionRow): ControllerFrame {
  return { kind: 'settled', value: { sessionId: row.id, messageId: '', upToSeq: settledSeq(view, row) } };
}

export const tombstone = (row: TombstoneRow): Tombstone__Output => ({ sessionId: row.id, upToGeneration: row.upToGeneration });

export interface Delivering {
  readonly agent: string;
  /** Of the newest message before it that an agent is to answer and has not; 0 when there is none. */
  readonly afterSeq: number;
  /** Whether it waits for the newest secrets of its space; else it runs with those that its guest has. */
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
  };
  return { kind: 'deliver', value };
}

/** `interrupt`: also the run that is under way. */
export const stopAgent = (spaceId: SpaceId, agent: string, interrupt: boolean): ControllerFrame => ({
  kind: 'stopAgent',
  value: { spaceId, agent, interrupt },
});

export function buildAssignment(view: View, build: BuildRow): ControllerFrame {
  const value: BuildAssignment__Output = {
    buildId: build.id,
    space: view.get('spaces', build.spaceId)?.name ?? build.spaceId,
    image: build.image,
    baseImage: build.baseImage,
    agents: build.agents.map((agent) => ({ spec: agentSpec(agent), digest: agent.digest })),
  };
  return { kind: 'build', value };
}
