/**
 * `npm run clean`: removes what this installation made on this machine: its containers, volumes, disks, images, network and data. It asks
 * first, or not with --yes. What belongs to another cluster, or to nobody of Raworc's, is not touched.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline/promises';
import type Docker from 'dockerode';
import { disks, type Found, found } from './clean/belongings.ts';
import { openDocker } from './machine/docker.ts';
import { dataDirectory } from './places.ts';
import { runProgram } from './program.ts';
import { dim, print, step, yellow } from './terminal.mjs';
import { reasonOf, Trouble } from './trouble.ts';
import { lockDirectory } from './up/lock.ts';

/** What Raworc keeps in its data directory; anything else there is somebody else's. */
const ourNames = ['cli', 'controller', 'logs', 'nats', 'nodes', 'run', 'tmp', 'tools'];

runProgram(async (args) => {
  const unknown = args.find((arg) => arg !== '--yes');
  if (unknown !== undefined) throw new Trouble(`clean does not know ${unknown}`, 'npm run clean, or npm run clean -- --yes');
  const dataDir = dataDirectory();
  const unlock = lockDirectory(dataDir);
  try {
    const docker = openDocker();
    const isUp = await reachable(docker);
    const belongings = isUp ? await found(docker, dataDir) : disks(dataDir);
    if (!isUp) print(`${yellow('!')} Docker does not run: only the data is removed; volumes and images stay\n`);
    list(belongings, dataDir);
    if (!args.includes('--yes') && !(await confirmed())) return 1;
    for (const one of belongings) await step(`Remove ${one.kind} ${one.name}`, () => one.remove());
  } finally {
    unlock();
  }
  await step(`Remove ${dataDir}`, () => removeData(dataDir));
  return 0;
});

async function reachable(docker: Docker): Promise<boolean> {
  return docker.ping().then(
    () => true,
    () => false,
  );
}

function list(belongings: readonly Found[], dataDir: string): void {
  print('This removes for good:\n');
  for (const { kind, name, what } of belongings) print(`  ${kind.padEnd(9)}  ${name}  ${dim(what)}\n`);
  print(`  data       ${dataDir}  ${dim('accounts, keys, messages, agents, logs')}\n`);
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Trouble('there is no terminal to ask on, so nothing was removed', 'npm run clean -- --yes');
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question('Go on? [y/N] ')).trim());
  } finally {
    lines.close();
  }
}

function removeData(dataDir: string): void {
  for (const name of ourNames) rmSync(join(dataDir, name), { recursive: true, force: true });
  try {
    if (existsSync(dataDir) && readdirSync(dataDir).length === 0) rmdirSync(dataDir);
  } catch (error) {
    // A mount point, as in a container: empty is as good.
    print(dim(`${dataDir} stays: ${reasonOf(error)}\n`));
  }
}
