#!/usr/bin/env node
/**
 * What runs before anything is installed: plain JavaScript for Node.js 18 or newer, without dependencies.
 * It checks the machine, installs the packages once, and hands over to the TypeScript program on the project's own Node.js 24.
 *
 *     node scripts/bootstrap.mjs up|test|test:sim|test:contract|test:fuzz|test:size|test:flood|test:mutation|clean|check|bench [arguments]
 */
import { handOver } from './bootstrap/hand-over.mjs';
import { machineProblem } from './bootstrap/machine.mjs';
import { ensurePackages } from './bootstrap/packages.mjs';
import { complain } from './terminal.mjs';

/** Each command's program, its first arguments, and whether it works on the machine itself (Docker, apt) and so needs root. */
const commands = {
  up: { program: 'scripts/up.ts', needsRoot: true },
  test: { program: 'scripts/test.ts', needsRoot: true },
  'test:sim': { program: 'tests/simulation/main.ts', needsRoot: false },
  'test:contract': { program: 'scripts/contract.ts', needsRoot: false },
  'test:fuzz': { program: 'tests/fuzz/main.ts', needsRoot: false },
  'test:size': { program: 'scripts/test.ts', args: ['--size'], needsRoot: true },
  'test:flood': { program: 'tests/flood/main.ts', needsRoot: false },
  'test:mutation': { program: 'tests/mutation/main.ts', needsRoot: false },
  clean: { program: 'scripts/clean.ts', needsRoot: true },
  check: { program: 'scripts/check.ts', needsRoot: false },
  bench: { program: 'bench/main.ts', needsRoot: false },
};

const [name = '', ...rest] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  complain(`there is no command "${name}"`, `one of: ${Object.keys(commands).join(', ')}`);
  process.exit(2);
}
const problem = machineProblem({ name, rest, needsRoot: command.needsRoot });
if (problem !== undefined) {
  complain(problem.what, problem.remedy);
  process.exit(1);
}
const node = await ensurePackages();
if (node === undefined) process.exit(1);
process.exit(await handOver(node, command.program, [...(command.args ?? []), ...rest]));
