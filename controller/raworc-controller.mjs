#!/usr/bin/env node
/**
 * Starts one of the controller's programs on the project's own Node.js, from any installed Node.js
 * of version 18 or newer, without dependencies. The installed Node.js must never load the database
 * module.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAMS = { serve: 'main', backup: 'backup/backup', restore: 'backup/restore', rotate: 'rotate/rotate' };
const USAGE = `Usage: raworc-controller serve                    run the controller; settings are environment variables
       raworc-controller backup FILE              everything it keeps, in one file, while it runs
       raworc-controller restore FILE [--force]   into an empty data directory
       raworc-controller rotate                   new keys for its secrets, also while it runs
The data directory is RAWORC_DATA_DIR, default ./data\n`;

const here = dirname(fileURLToPath(import.meta.url));

/**
 * Looks below this folder and those above: npm installs it beside the package that depends on it.
 */
function ownNode() {
  for (let folder = here; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : undefined;
  }
}

function give(what, code) {
  process.stderr.write(what);
  process.exitCode = code;
}

function run(node, program, args) {
  // Two heaps of the C library for all threads: a heap keeps the memory that a burst took, and by
  // default each thread has its own.
  const env = { MALLOC_ARENA_MAX: '2', ...process.env };
  // Otherwise a burst grows each thread's young generation to 96 MiB for good.
  const child = spawn(node, ['--max-semi-space-size=8', program, ...args], { stdio: 'inherit', env });
  const passOn = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  child.on('error', (error) => give(`raworc-controller: ${node} does not start: ${error.message}\n`, 1));
  child.on('exit', (code, signal) => {
    for (const one of signals) process.off(one, passOn);
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
}

const [command, ...args] = process.argv.slice(2);
const name = Object.hasOwn(PROGRAMS, command ?? '') ? PROGRAMS[command] : undefined;
// The sources, or else the compiled files.
const program = [join(here, `${name}.ts`), join(here, '..', 'dist', 'controller', `${name}.js`)].find((file) => existsSync(file));
const node = ownNode();
if (command === '--help' || command === 'help') process.stdout.write(USAGE);
else if (name === undefined) give(USAGE, 2);
else if (program === undefined) give('raworc-controller: its files are not complete; install it anew\n', 1);
else if (node === undefined) give('raworc-controller: the Node.js that it brings is missing; run `npm install`, or use Node.js 24\n', 1);
else run(node, program, args);
