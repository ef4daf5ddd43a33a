#!/usr/bin/env node
/**
 * Runs before anything is installed: plain JavaScript for Node.js 18 or newer, without
 * dependencies. It checks the machine, installs the packages once, and starts the TypeScript
 * program on the project's own Node.js 24.
 *
 *     node scripts/bootstrap.mjs COMMAND [arguments]
 */
import { join } from 'node:path';
import { helpFor } from './bootstrap/help.mjs';
import { machineProblem } from './bootstrap/machine.mjs';
import { ensurePackages } from './bootstrap/packages.mjs';
import { root, runChild } from './bootstrap/run-child.mjs';

/** Each command's program, and whether it needs root because it works with Docker and apt. */
const commands = {
  up: { program: 'scripts/up.ts', needsRoot: true },
  test: { program: 'scripts/test.ts', needsRoot: true },
  'test:sim': { program: 'tests/simulation/main.ts' },
  'test:contract': { program: 'scripts/test-contract.ts' },
  'test:fuzz': { program: 'tests/fuzz/main.ts' },
  'test:size': { program: 'scripts/test.ts', args: ['--size'], needsRoot: true },
  'test:hosts': { program: 'scripts/test.ts', args: ['--hosts'], needsRoot: true },
  'test:builds': { program: 'scripts/test.ts', args: ['--builds'], needsRoot: true },
  'test:packages': { program: 'scripts/test.ts', args: ['--packages'], needsRoot: true },
  'test:e2b': { program: 'scripts/test.ts', args: ['--e2b'], needsRoot: true },
  'test:flood': { program: 'tests/flood/main.ts' },
  'test:mutation': { program: 'tests/mutation/main.ts' },
  clean: { program: 'scripts/clean.ts', needsRoot: true },
  check: { program: 'scripts/check.ts' },
  package: { program: 'scripts/package/main.ts' },
  bench: { program: 'bench/main.ts' },
};

const fail = ({ what, remedy }, code = 1) => {
  process.stderr.write(`✗ ${what}\n  → ${remedy}\n`);
  process.exit(code);
};

const [name = '', ...rest] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  fail({ what: `there is no command ${JSON.stringify(name)}`, remedy: `use one of: ${Object.keys(commands).join(', ')}` }, 2);
}
const asked = helpFor(name, rest);
if (asked !== undefined) {
  process.stdout.write(asked);
  process.exit(0);
}
const problem = machineProblem({ name, rest, needsRoot: command.needsRoot }) ?? (await ensurePackages());
if (problem) fail(problem);

const bin = join(root, 'node_modules', '.bin');
const env = {
  ...process.env,
  // The time that `up` reports counts from here.
  RAWORC_STARTED_AT_MS: String(Math.round(performance.timeOrigin)),
  PATH: `${bin}:${process.env.PATH ?? ''}`,
  // Caches compiled code between starts: a third of the controller's start.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'raworc'),
};
// The IPC channel carries no messages: when we are killed it closes, and the program cleans up.
const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
process.exit(await runChild(join(bin, 'node'), [join(root, command.program), ...(command.args ?? []), ...rest], { stdio, env }));
