import type { Plant } from './plant.ts';

/** Faults in the choice of a node, and in the queue for room. */
export const PLACEMENT_PLANTS = {
  'constraints ignored': {
    breaks: 'A session is placed where its constraints hold.',
    file: 'controller/domain/sessions/placement/filters.ts',
    find: 'if (own !== undefined) return broken(own, labels);',
    replace: '',
    foundBy: { seed: 3 },
  },
  'room that wakes nobody': {
    breaks: 'Room that comes free wakes those who wait for it.',
    file: 'controller/services/sessions/placement-waits.ts',
    find: 'const nodes = new Set(freed);',
    replace: 'const nodes = new Set<NodeId>();',
    foundBy: { seed: 21 },
  },
  'wake before the wait': {
    breaks: 'Room that the commit of its refusal freed is given to one that begins to wait.',
    file: 'controller/services/sessions/placement-waits.ts',
    find: 'this.#wokenEntries.add(entry);\n      this.#wake();',
    replace: '',
    foundBy: { test: 'tests/unit/controller/sessions/placement-waits.test.ts' },
  },
  'overtaken in the queue': {
    breaks: 'Those who wait in one space with the same constraints are served in order.',
    file: 'controller/domain/sessions/placement/wait-queue.ts',
    find: 'for (const entry of this.firsts()) {',
    replace: 'for (const entry of [...this.#lanes.values()].flat()) {',
    foundBy: { test: 'tests/unit/controller/sessions/wait-queue.test.ts' },
  },
} satisfies Readonly<Record<string, Plant>>;
