/** Frames of the node protocol to what the node agent thinks in, and back. What the wire leaves open is refused here. */
import type { Assignment__Output as WireAssignment } from '../../proto/generated/raworc/node/v0/Assignment.ts';
import type { Report__Output as WireReport } from '../../proto/generated/raworc/node/v0/Report.ts';
import type { AgentSpec__Output as WireAgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { AgentSpec, Assignment, Desired } from '../domain/session.ts';
import type { Status } from '../session/status.ts';

const DESIRED: Readonly<Record<string, Desired>> = {
  DESIRED_RUNNING: 'running',
  DESIRED_PAUSED: 'paused',
  DESIRED_SUSPENDED: 'suspended',
  DESIRED_FAILED: 'failed',
};

/** Bounds for an assignment that names none. */
const DEFAULT_LIMITS = { cpuMillis: 500, memoryBytes: 512 * 1024 * 1024, diskBytes: 1024 ** 3, processes: 256 };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Session ids become names of containers and of directories: whatever is not a UUID is refused, whoever sends it. */
export function isSessionId(text: string): boolean {
  return UUID.test(text);
}

function sessionIdIn(text: string): string {
  if (!isSessionId(text)) throw new Error(`not a session id: ${JSON.stringify(text)}`);
  return text;
}

/** Throws where the controller says what this version cannot mean. */
export function assignmentFrom(wire: WireAssignment): Assignment {
  const desired = DESIRED[wire.desired];
  if (!isSessionId(wire.sessionId)) throw new Error(`not a session id: ${JSON.stringify(wire.sessionId)}`);
  if (desired === undefined) throw new Error(`session ${wire.sessionId} should be ${wire.desired}, which this version does not know`);
  if (wire.spec === null) throw new Error(`session ${wire.sessionId} comes without a spec`);
  const { space, spaceId, image, agents, limits, volumeExpected } = wire.spec;
  return {
    sessionId: wire.sessionId,
    generation: wire.generation,
    desired,
    spec: {
      space,
      spaceId,
      image,
      agents: agents.map(agentFrom),
      limits: {
        cpuMillis: limits?.cpuMillis || DEFAULT_LIMITS.cpuMillis,
        memoryBytes: limits?.memoryBytes || DEFAULT_LIMITS.memoryBytes,
        diskBytes: limits?.diskBytes || DEFAULT_LIMITS.diskBytes,
        processes: limits?.processes || DEFAULT_LIMITS.processes,
      },
      volumeExpected,
    },
    graceMs: wire.graceMs,
    settledSeq: wire.settledSeq,
    ...(wire.copyFrom === '' ? {} : { copyFrom: sessionIdIn(wire.copyFrom) }),
  };
}

function agentFrom({ name, runtime, handler, idempotent }: WireAgentSpec): AgentSpec {
  if (runtime === 'RUNTIME_UNSPECIFIED') throw new Error(`the agent ${JSON.stringify(name)} comes without a runtime`);
  return { name, runtime, handler, idempotent };
}

/** Of a failure, which may quote an engine. The controller takes 8 KiB. */
const REASON_CHARACTERS = 2_000;

/** Phases in which what the guest holds is known. */
const said: ReadonlySet<string> = new Set(['RUNNING', 'SUSPENDED']);

export function reportOf(
  status: Status,
  order: { readonly boot: number; readonly number: number },
  { acceptedSeq, life }: { readonly acceptedSeq: number; readonly life: number },
): WireReport {
  const { sessionId, generation, phase, containerId, volume, reason } = status;
  const sentence = reason.length > REASON_CHARACTERS ? `${reason.slice(0, REASON_CHARACTERS)}…` : reason;
  return {
    ...{ sessionId, generation, phase, ...order, containerId, volume },
    ...{ reason: sentence, acceptedSeq: said.has(phase) ? acceptedSeq : 0, life: phase === 'RUNNING' ? life : 0 },
  };
}
