import type { Plant } from './plant.ts';

/** Faults in the life of builds. */
export const BUILD_PLANTS = {
  'build ends twice': {
    breaks: 'A build that has ended, or was cancelled, stays as it is.',
    file: 'controller/domain/builds/commands/advance-build.ts',
    find: `      if (!isOpen(build) || build.nodeId !== from) return unchanged(undefined);
      const stages`,
    replace: `      if (build === undefined || build.nodeId !== from) return unchanged(undefined);
      const stages`,
    foundBy: { test: 'tests/unit/controller/builds/build-reports.test.ts' },
  },
  'completed build cancelled': {
    breaks: 'Only a build that is queued or runs can be cancelled.',
    file: 'controller/domain/builds/commands/cancel-build.ts',
    find: 'if (!isOpen(build)) return unchanged(accepted(buildObject(view, build)));',
    replace: '',
    foundBy: { seed: 1 },
  },
  'cancelled build goes on': {
    breaks: 'A build that was cancelled has ended.',
    file: 'controller/domain/builds/commands/cancel-build.ts',
    find: "status: 'cancelled', completedAt: now }",
    replace: 'completedAt: null }',
    foundBy: { seed: 2 },
  },
  'cancelled build left running': {
    breaks: 'A node ends the build that was cancelled, and removes its image.',
    file: 'controller/services/builds/dispatch-loop.ts',
    find: 'this.#reports.cancel(one.row.nodeId, one.row.id, one.row.image);',
    replace: 'continue;',
    foundBy: { test: 'tests/unit/controller/builds/build-reports.test.ts' },
  },
  'build of a node without a lease goes on': {
    breaks: 'A build runs on two nodes at once for no longer than a lease.',
    file: 'node-agent/images/builder.ts',
    find: "this.#interrupt(work, 'lease', 'The node lost its connection to the controller.');",
    replace: '',
    foundBy: { test: 'tests/unit/node-agent/images/builder.test.ts' },
  },
} as const satisfies Readonly<Record<string, Plant>>;
