/**
 * Decodes frames of the node protocol. Throws for missing fields and for values that this version
 * does not know.
 */
import type { Assignment__Output as WireAssignment } from '../../proto/generated/raworc/node/v0/Assignment.ts';
import type { Tombstone__Output as WireTombstone } from '../../proto/generated/raworc/node/v0/Tombstone.ts';
import type { AgentSpec__Output as WireAgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { AgentSpec, Assignment, Desired, Limits, SessionProfile, Tombstone } from '../domain/session.ts';

const DESIRED: ReadonlyMap<string, Desired> = new Map([
  ['DESIRED_RUNNING', 'running'],
  ['DESIRED_PAUSED', 'paused'],
  ['DESIRED_SUSPENDED', 'suspended'],
  ['DESIRED_FAILED', 'failed'],
]);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Session ids become names of containers and directories, so anything but a UUID is refused. */
function sessionIdIn(text: string): string {
  if (!UUID.test(text)) throw new Error(`not a session id: ${JSON.stringify(text)}`);
  return text;
}

export function decodeTombstone({ sessionId, upToGeneration }: WireTombstone): Tombstone {
  return { sessionId: sessionIdIn(sessionId), upToGeneration };
}

export function decodeAssignment(wire: WireAssignment): Assignment {
  const sessionId = sessionIdIn(wire.sessionId);
  const desired = DESIRED.get(wire.desired);
  if (desired === undefined) throw new Error(`session ${sessionId} should be ${wire.desired}, which this version does not know`);
  if (wire.spec === null) throw new Error(`session ${sessionId} comes without a spec`);
  const { space, spaceId, image, agents, volumeExpected } = wire.spec;
  const limits = decodeLimits(sessionId, wire.spec.limits);
  const profile = decodeProfile(sessionId, wire.spec.profile);
  return {
    sessionId,
    generation: wire.generation,
    desired,
    spec: {
      ...{ space, spaceId, image, agents: agents.map(decodeAgent), limits, volumeExpected },
      ...(profile === undefined ? {} : { profile }),
    },
    graceMs: wire.graceMs,
    settledSeq: wire.settledSeq,
    copyFrom: wire.copyFrom === '' ? undefined : sessionIdIn(wire.copyFrom),
    ...(wire.slot ? { slot: true } : {}),
    ...(wire.startWorkers ? { startWorkers: true } : {}),
  };
}

function decodeProfile(sessionId: string, profile: string): SessionProfile | undefined {
  if (profile === '' || profile === 'workstation') return profile || undefined;
  throw new Error(`session ${sessionId} has the profile ${JSON.stringify(profile)}, which this version does not know`);
}

function decodeAgent({ runtime, ...agent }: WireAgentSpec): AgentSpec {
  if (runtime === 'RUNTIME_UNSPECIFIED') throw new Error(`the agent ${JSON.stringify(agent.name)} comes without a runtime`);
  return { ...agent, runtime };
}

function decodeLimits(sessionId: string, limits: Limits | null): Limits {
  const { cpuMillis = 0, memoryBytes = 0, diskBytes = 0, processes = 0 } = limits ?? {};
  if (Math.min(cpuMillis, memoryBytes, diskBytes, processes) <= 0) throw new Error(`session ${sessionId} comes without its limits`);
  return { cpuMillis, memoryBytes, diskBytes, processes };
}
