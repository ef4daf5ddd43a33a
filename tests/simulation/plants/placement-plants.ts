import type { Plant } from './plant.ts';

/** Faults in the choice of a node, and in the queue for room. */
export const PLACEMENT_PLANTS = {
  'constraints ignored': {
    breaks: 'A session is placed where its constraints hold.',
    file: 'controller/domain/sessions/placement/filters.ts',
    find: 'if (own !== undefined) return broken(own, labels);',
    replace: '',
    foundBy: { seed: 1 },
  },
  'constraints of a space ignored': {
    breaks: 'A session is placed where the constraints of its space hold.',
    file: 'controller/domain/sessions/placement/filters.ts',
    find: 'placement.spaceConstraints.findIndex((constraint) => !holds(constraint, labels))',
    replace: 'placement.spaceConstraints.findIndex(() => false)',
    foundBy: { seed: 37 },
  },
  'preferences ignored': {
    breaks: 'A node that breaks a preference counts as fuller.',
    file: 'controller/domain/sessions/placement/placement.ts',
    find: 'preferenceCost(preferences, node.labels ?? {})',
    replace: '0 * preferenceCost(preferences, node.labels ?? {})',
    foundBy: { seed: 9 },
  },
  'packed sessions spread': {
    breaks: 'A space that packs gets the fullest node that has room.',
    file: 'controller/domain/sessions/placement/placement.ts',
    find: "(strategy === 'pack' ? 1 - share : share)",
    replace: "(strategy === 'spread' ? share : share)",
    foundBy: { seed: 3 },
  },
  'anti-affinity of running sessions only': {
    breaks: 'Anti-affinity counts the suspended sessions of a space, which wake where they are.',
    file: 'controller/services/engine/capacity.ts',
    find: 'this.#add(pair(session.spaceId, session.nodeId), inSpace(session), sign);',
    replace: 'this.#add(pair(session.spaceId, session.nodeId), occupiesRoom(session) ? inSpace(session) : undefined, sign);',
    foundBy: { seed: 59 },
  },
  'reserved room given away': {
    breaks: 'New sessions leave the room free that a node reserves for sessions that wake.',
    file: 'controller/domain/sessions/placement/filters.ts',
    find: 'const free = node.memoryBytes - node.requested.memoryBytes - reserved;',
    replace: 'const free = node.memoryBytes - node.requested.memoryBytes;',
    foundBy: { seed: 9 },
  },
  'room that wakes nobody': {
    breaks: 'Room that comes free wakes those who wait for it.',
    file: 'controller/services/sessions/placement-waits.ts',
    find: 'for (const node of freed) nodes.add(node);',
    replace: '',
    foundBy: { seed: 5 },
  },
  'wake before the wait': {
    breaks: 'Room that the commit of its refusal freed is given to one that begins to wait.',
    file: 'controller/services/sessions/placement-waits.ts',
    find: 'this.#wokenEntries.add(entry);\n      this.#wake();',
    replace: '',
    foundBy: { test: 'tests/unit/controller/sessions/placement-waits.test.ts' },
  },
  'overtaken by a newcomer': {
    breaks: 'A request without wait does not take the room that an earlier one of its space waits for.',
    file: 'controller/services/sessions/placement-waits.ts',
    find: '!== undefined) return true;\n      shareOf',
    replace: '=== null) return true;\n      shareOf',
    foundBy: { test: 'tests/unit/controller/sessions/placement-turns.test.ts' },
  },
  'room taken from the poorer': {
    breaks: 'A request without wait leaves room that came free to one that waits in a space that uses less.',
    file: 'controller/services/sessions/placement-waits.ts',
    find: 'if (this.#deps.capacity.isFreed(id)) yield* this.#queue.firsts();\n    else',
    replace: '',
    foundBy: { test: 'tests/unit/controller/sessions/placement-turns.test.ts' },
  },
  'resumed and still waiting': {
    breaks: 'A resume that waits is answered when another request resumed its session.',
    file: 'controller/services/sessions/placement-waits.ts',
    find: 'for (const session of sessions) this.#sessionChanged(session);',
    replace: '',
    foundBy: { test: 'tests/unit/controller/sessions/placement-turns.test.ts' },
  },
  'overtaken in the queue': {
    breaks: 'Those who wait in one space with the same constraints are served in order.',
    file: 'controller/domain/sessions/placement/wait-queue.ts',
    find: 'for (const entry of this.firsts()) {',
    replace: 'for (const entry of [...this.#lanes.values()].flat()) {',
    foundBy: { test: 'tests/unit/controller/sessions/wait-queue.test.ts' },
  },
} satisfies Readonly<Record<string, Plant>>;
