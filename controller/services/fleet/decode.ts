/**
 * Decodes a node's frames into domain objects. Undefined for an invalid frame, which ends the
 * stream.
 */

import { isBuildStage } from '../../../proto/build-stages.ts';
import type { BuildReport__Output } from '../../../proto/generated/raworc/node/v0/BuildReport.ts';
import type { Capacity__Output } from '../../../proto/generated/raworc/node/v0/Capacity.ts';
import type { Hello__Output } from '../../../proto/generated/raworc/node/v0/Hello.ts';
import type { Report__Output } from '../../../proto/generated/raworc/node/v0/Report.ts';
import type { Answer__Output } from '../../../proto/generated/raworc/v0/Answer.ts';
import type { RunStarted__Output } from '../../../proto/generated/raworc/v0/RunStarted.ts';
import { visibleText } from '../../../seams/terminal-text.ts';
import { ISOLATIONS } from '../../contract/profiles.ts';
import type { BuildOutcome } from '../../domain/builds/commands/advance-build.ts';
import type { StageRow } from '../../domain/builds/rows.ts';
import type { MessageId, NodeId, SessionId } from '../../domain/engine/ids.ts';
import { PLATFORMS } from '../../domain/images/platforms.ts';
import type { GivenAnswer } from '../../domain/messages/commands/record-answer.ts';
import type { StartedRun } from '../../domain/messages/commands/start-run.ts';
import type { GivenHop } from '../../domain/messages/hops.ts';
import type { Greeting } from '../../domain/nodes/commands/nodes.ts';
import type { NodeBounds } from '../../domain/nodes/rows.ts';
import type { Report } from '../../domain/sessions/commands/record-report.ts';
import type { Phase } from '../../domain/sessions/rows.ts';

const PHASES: Readonly<Record<Report__Output['phase'], Exclude<Phase, 'none'> | undefined>> = {
  PHASE_UNSPECIFIED: undefined,
  STARTING: 'starting',
  RUNNING: 'running',
  PAUSED: 'paused',
  SUSPENDED: 'suspended',
  FAILED: 'failed',
};

export const decodeHello = (frame: Hello__Output | undefined): Greeting => ({
  driver: frame?.driver ?? '',
  version: frame?.agentVersion ?? '',
  cpuMillis: frame?.capacity?.cpuMillis ?? 0,
  memoryBytes: frame?.capacity?.memoryBytes ?? 0,
  maxSessions: frame?.capacity?.sessions ?? 0,
  bounds: decodeBounds(frame?.capacity),
  incarnation: frame?.incarnation ?? 0,
  hostname: frame?.hostname ?? '',
  boot: frame?.boot ?? 0,
  machine: frame?.machine ?? '',
  platform: PLATFORMS.find((one) => one === frame?.platform) ?? null,
});

function decodeBounds(capacity: Capacity__Output | null | undefined): NodeBounds | null {
  if (capacity?.most == null) return null;
  const { processes, diskBytes, most } = capacity;
  return { processes, diskBytes, most };
}

const MAX_LIVES = 2 ** 40;

/** `bootShift` is added to the number of the process's start. */
export function decodeReport(from: NodeId, incarnation: number, bootShift: number, frame: Report__Output): Report | undefined {
  const phase = PHASES[frame.phase];
  if (phase === undefined) return undefined;
  const { generation, boot, number, containerId, volume, acceptedSeq } = frame;
  const reason = visibleText(frame.reason);
  // Bounded, because its digits become part of a message's id.
  const life = frame.life <= MAX_LIVES ? frame.life : 0;
  const order = { incarnation, boot: boot + bootShift, number };
  const isolation = ISOLATIONS.find((one) => one === frame.isolation);
  return {
    from,
    sessionId: frame.sessionId as SessionId,
    generation,
    phase,
    order,
    containerId,
    volume,
    reason,
    acceptedSeq,
    life,
    isolation,
  };
}

const OUTCOMES: Readonly<Record<Answer__Output['outcome'], GivenAnswer['outcome'] | undefined>> = {
  OUTCOME_UNSPECIFIED: undefined,
  REPLY: 'reply',
  ERROR: 'error',
};

export function decodeAnswer(from: NodeId, frame: Answer__Output, hops: readonly GivenHop[]): GivenAnswer | undefined {
  const outcome = OUTCOMES[frame.outcome];
  if (outcome === undefined) return undefined;
  const { generation, runId, agent, content, durationMs, model } = frame;
  const reason = visibleText(frame.reason);
  const about = { sessionId: frame.sessionId as SessionId, messageId: frame.messageId as MessageId };
  return { from, generation, ...about, runId, agent, outcome, content, reason, durationMs, hops, model };
}

export function decodeRun(from: NodeId, frame: RunStarted__Output): StartedRun {
  const { generation, runId, agent } = frame;
  return { from, generation, sessionId: frame.sessionId as SessionId, messageId: frame.messageId as MessageId, runId, agent };
}

/** How a build is getting on, or how it ended, with its stages. */
export type BuildNews = { readonly buildId: string; readonly stages: readonly StageRow[] } & (
  | { readonly ended: false }
  | ({ readonly ended: true } & BuildOutcome)
);

const ownBaseOf = ({ ownBaseAgent: agent, ownBaseImage: image }: Pick<BuildReport__Output, 'ownBaseAgent' | 'ownBaseImage'>) =>
  agent === '' || image === '' ? {} : { ownBase: { agent, image } };

export function decodeBuild({
  buildId,
  phase,
  imageId,
  error,
  baseImageMissing,
  refusedNow,
  ...rest
}: BuildReport__Output): BuildNews | undefined {
  const stages = decodeStages(rest.stages);
  switch (phase) {
    case 'BUILD_COMPLETED':
      return { buildId, stages, ended: true, imageId, ...ownBaseOf(rest) };
    case 'BUILD_FAILED':
      return { buildId, stages, ended: true, error: visibleText(error), baseImageMissing, refusedNow };
    case 'BUILD_BUILDING':
      return { buildId, stages, ended: false };
    case 'BUILD_PHASE_UNSPECIFIED':
      return undefined;
    default:
      return phase satisfies never;
  }
}

/** Each known stage once, so that their number is bounded. */
function decodeStages(stages: BuildReport__Output['stages']): readonly StageRow[] {
  const byName = new Map<string, StageRow>();
  for (const { name, tookMs, over } of stages) if (isBuildStage(name) && name !== 'push') byName.set(name, { name, tookMs, over });
  return [...byName.values()];
}
