#!/usr/bin/env node
/**
 * Starts the command line with the Node.js that the project brings, from whatever Node.js (18 or newer) is installed.
 * No dependencies, and nothing that needs a newer one.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
// The sources where they are, else (in the packed tarball, below node_modules, where Node.js strips no types) what was compiled from them.
const main = [join(here, 'main.ts'), join(here, '..', 'dist', 'cli', 'main.js')].find((file) => existsSync(file));

/** Below this folder or one above: npm puts it beside whoever depends on it. */
function ownNode() {
  for (let folder = here; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return undefined;
  }
}

function give(what) {
  process.stderr.write(`${what}\n`);
  process.exitCode = 1;
}

function run(node) {
  let child;
  try {
    child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  } catch (error) {
    // As while it is being installed.
    return give(`raworc: ${node} does not start: ${error.message}; once its installation has ended, try again`);
  }
  const passOn = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  child.on('error', (error) => give(`raworc: ${node} does not start: ${error.message}`));
  child.on('exit', (code, signal) => {
    for (const one of signals) process.off(one, passOn);
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
}

const node = ownNode();
if (main === undefined) give('raworc: its files are not complete; install it anew');
else if (Number(process.versions.node.split('.')[0]) >= 24) await import(pathToFileURL(main).href);
else if (node === undefined)
  give('raworc: the Node.js that it brings is missing; run `npm run up` (in a clone) or `npm install` in its folder, or use Node.js 24');
else run(node);
