#!/usr/bin/env node
/**
 * Starts the command line on the project's own Node.js from any Node.js of version 18 or newer,
 * without dependencies.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
// The sources, or the compiled files: below node_modules, Node.js does not strip types.
const main = [join(here, 'main.ts'), join(here, '..', 'dist', 'cli', 'main.js')].find((file) => existsSync(file));

/**
 * Looks below this folder and those above: npm installs it beside the package that depends on it.
 */
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
    // It can be in the middle of an installation.
    return give(`raworc: ${node} cannot be started: ${error.message}; try again once npm has finished installing`);
  }
  const passOn = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  child.on('error', (error) => give(`raworc: ${node} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    for (const one of signals) process.off(one, passOn);
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
}

const node = ownNode();
if (main === undefined) give('raworc: files are missing; reinstall it');
else if (Number(process.versions.node.split('.')[0]) >= 24) await import(pathToFileURL(main).href);
else if (node === undefined)
  give('raworc: its own Node.js is missing; run `npm run up` (in a clone), run `npm install` in its folder, or use Node.js 24');
else run(node);
