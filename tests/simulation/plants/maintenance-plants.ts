import type { Plant } from './plant.ts';

/** Faults in decisions about drained nodes. */
export const MAINTENANCE_PLANTS = {
  'woken while drained': {
    breaks: 'No message wakes a session on a drained node.',
    file: 'controller/domain/messages/commands/post-message.ts',
    find: 'const waits = wants && fleet.node(session.nodeId)?.draining === true;',
    replace: 'const waits = false;',
    foundBy: { test: 'tests/unit/controller/nodes/drain-node.test.ts' },
  },
  'wish to wake forgotten': {
    breaks: 'A message that came during a drain wakes its session afterwards.',
    file: 'controller/domain/messages/commands/post-message.ts',
    find: '{ ...session, wakeWanted: true }',
    replace: 'session',
    foundBy: { test: 'tests/unit/controller/nodes/drain-node.test.ts' },
  },
  'nobody woken': {
    breaks: 'The end of a drain wakes the sessions for which messages waited.',
    file: 'controller/services/nodes/drain-loop.ts',
    find: 'if (waiting.length === 0) return undefined;',
    replace: 'if (waiting.length < 1_000) return undefined;',
    foundBy: { seed: 5 },
  },
  'delivery not resumed': {
    breaks: 'The end of a drain delivers what waits for sessions that were not suspended yet.',
    file: 'controller/services/nodes/drain-loop.ts',
    find: 'else if (draining.delete(id)) fleet.resumeDelivery(id);',
    replace: 'else draining.delete(id);',
    foundBy: { test: 'tests/unit/controller/nodes/drain-loop.test.ts' },
  },
  'drain that misses changes': {
    breaks: 'A drain looks again whenever a session of its node changed.',
    file: 'controller/services/nodes/drain-loop.ts',
    find: 'loop.after(mutation.row.nodeId, GATHER_MS);',
    replace: '{}',
    foundBy: { seed: 15 },
  },
  'drain without a grace': {
    breaks: 'A run in progress is not interrupted before the deadline of a drain.',
    file: 'controller/domain/nodes/commands/drain-node.ts',
    find: 'view.drainableOn(id, leftMs === 0, SESSIONS_AT_ONCE)',
    replace: 'view.drainableOn(id, true, SESSIONS_AT_ONCE)',
    foundBy: { test: 'tests/unit/controller/nodes/drain-node.test.ts' },
  },
  'removed node revived': {
    breaks: 'A node that is removed while its stream is accepted does not come back.',
    file: 'controller/domain/nodes/commands/nodes.ts',
    find: 'if (known !== undefined && known.revokedAt !== null) return unchanged(undefined);',
    replace: '',
    foundBy: { test: 'tests/unit/controller/nodes/remove-node.test.ts' },
  },
  'removed node let in': {
    breaks: 'A removed node is refused.',
    file: 'controller/services/fleet/node-stream/handshake.ts',
    find: "if (fault !== undefined && (fault === 'revoked' || !mayBeNewer)) {",
    replace: "if (fault !== undefined && fault !== 'revoked' && !mayBeNewer) {",
    foundBy: { seed: 11 },
  },
} satisfies Readonly<Record<string, Plant>>;
