/**
 * Decodes a node's frames into domain objects. Undefined for an invalid frame, which ends the
 * stream.
 */

import type { BuildReport__Output } from '../../../proto/generated/raworc/node/v0/BuildReport.ts';
import type { Capacity__Output } from '../../../proto/generated/raworc/node/v0/Capacity.ts';
import type { Hello__Output } from '../../../proto/generated/raworc/node/v0/Hello.ts';
import type { Report__Output } from '../../../proto/generated/raworc/node/v0/Report.ts';
import type { Answer__Output } from '../../../proto/generated/raworc/v0/Answer.ts';
import type { RunStarted__Output } from '../../../proto/generated/raworc/v0/RunStarted.ts';
import { visibleText } from '../../../seams/terminal-text.ts';
import type { MessageId, NodeId, SessionId } from '../../domain/engine/ids.ts';
import type { GivenAnswer } from '../../domain/messages/commands/record-answer.ts';
import type { StartedRun } from '../../domain/messages/commands/start-run.ts';
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

export const decodeHello = (said: Hello__Output | undefined): Greeting => ({
  driver: said?.driver ?? '',
  version: said?.agentVersion ?? '',
  cpuMillis: said?.capacity?.cpuMillis ?? 0,
  memoryBytes: said?.capacity?.memoryBytes ?? 0,
  maxSessions: said?.capacity?.sessions ?? 0,
  bounds: decodeBounds(said?.capacity),
  incarnation: said?.incarnation ?? 0,
  hostname: said?.hostname ?? '',
});

function decodeBounds(capacity: Capacity__Output | null | undefined): NodeBounds | null {
  if (capacity?.most == null) return null;
  const { processes, diskBytes, most } = capacity;
  return { processes, diskBytes, most };
}

const MAX_LIVES = 2 ** 40;

export function decodeReport(from: NodeId, incarnation: number, said: Report__Output): Report | undefined {
  const phase = PHASES[said.phase];
  if (phase === undefined) return undefined;
  const { generation, boot, number, containerId, volume, acceptedSeq } = said;
  const reason = visibleText(said.reason);
  // The digits become part of an id.
  const life = said.life <= MAX_LIVES ? said.life : 0;
  const order = { incarnation, boot, number };
  return { from, sessionId: said.sessionId as SessionId, generation, phase, order, containerId, volume, reason, acceptedSeq, life };
}

const OUTCOMES: Readonly<Record<Answer__Output['outcome'], GivenAnswer['outcome'] | undefined>> = {
  OUTCOME_UNSPECIFIED: undefined,
  REPLY: 'reply',
  ERROR: 'error',
};

export function decodeAnswer(from: NodeId, said: Answer__Output): GivenAnswer | undefined {
  const outcome = OUTCOMES[said.outcome];
  if (outcome === undefined) return undefined;
  const { generation, runId, agent, content, durationMs } = said;
  const reason = visibleText(said.reason);
  const about = { sessionId: said.sessionId as SessionId, messageId: said.messageId as MessageId };
  return { from, generation, ...about, runId, agent, outcome, content, reason, durationMs };
}

export function decodeRun(from: NodeId, said: RunStarted__Output): StartedRun {
  const { generation, runId, agent } = said;
  return { from, generation, sessionId: said.sessionId as SessionId, messageId: said.messageId as MessageId, runId, agent };
}

export function decodeBuild({ buildId, phase, imageId, error }: BuildReport__Output) {
  switch (phase) {
    case 'BUILD_COMPLETED':
      return { buildId, imageId };
    case 'BUILD_FAILED':
      return { buildId, error: visibleText(error) };
    case 'BUILD_BUILDING':
      return 'under way';
    case 'BUILD_PHASE_UNSPECIFIED':
      return undefined;
    default:
      return phase satisfies never;
  }
}
