import { GUEST_PROTOCOL_VERSION, type GuestFrame, type HostFrame } from '../../proto/frame.ts';
import type { Assignment } from '../domain/session.ts';

/** Why whoever has come to this session's door is not its guest. Undefined: it is. */
export function helloRefusal(sessionId: string, assignment: Assignment | undefined, frame: GuestFrame): string | undefined {
  if (frame.kind !== 'hello') return 'spoke before its hello';
  if (frame.value.protocolVersion !== GUEST_PROTOCOL_VERSION) return `speaks version ${frame.value.protocolVersion} of the protocol`;
  if (frame.value.sessionId !== sessionId) return 'names another session';
  return assignment === undefined ? 'its session is not assigned to this node' : undefined;
}

/** `graceMs`: it is to drain; undefined takes that back. */
export function welcome({ sessionId, generation, spec }: Assignment, settledSeq: number, graceMs: number | undefined): HostFrame {
  const agents = spec.agents.map((agent) => ({ ...agent }));
  const drain = graceMs === undefined ? null : { graceMs };
  return {
    kind: 'welcome',
    value: { protocolVersion: GUEST_PROTOCOL_VERSION, sessionId, generation, space: spec.space, agents, drain, settledSeq },
  };
}
