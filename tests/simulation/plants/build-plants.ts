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
    foundBy: { seed: 3 },
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
  'log of a build stored twice': {
    breaks: 'A node that sends the log of a build again adds nothing that is stored.',
    file: 'controller/services/builds/build-logs.ts',
    find: 'toSkip = isKnown ? position.lines : 0;',
    replace: 'toSkip = 0;',
    foundBy: { seed: 47 },
  },
  'build of an older commit': {
    breaks: 'A build that was asked for after a push has that commit or a newer one.',
    file: 'controller/domain/builds/content.ts',
    find: "(commit === null || resolved === 'all' || resolved.has(row.id))",
    replace: '(commit === null || (resolved !== "all" && resolved.has(row.id)))',
    foundBy: { seed: 3 },
  },
  'container of a fetch left': {
    breaks: 'Nothing is left of a build but its image and its log.',
    file: 'node-agent/images/repositories/fetch-repository.ts',
    find: 'await job.close();',
    replace: '',
    foundBy: { seed: 3 },
  },
  'cut off source taken': {
    breaks: 'A source that was fetched is the whole source of its commit.',
    file: 'node-agent/images/repositories/fetch-repository.ts',
    find: 'if (!isWhole) throw new BadSource(why);',
    replace: '',
    foundBy: { seed: 83 },
  },
  'build without a limit': {
    breaks: 'A build ends, however long its programs run.',
    file: 'node-agent/images/builder.ts',
    find: 'const result = await within(clock, limitMs, stop, (signal) =>',
    replace: 'const result = await within(clock, 100 * limitMs, stop, (signal) =>',
    foundBy: { seed: 47 },
  },
} as const satisfies Readonly<Record<string, Plant>>;
