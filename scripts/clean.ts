/**
 * `npm run clean`: removes what this installation made on this machine: containers, volumes, disks,
 * images, network and data. It asks first, unless `--yes` is given. What belongs to another cluster
 * stays.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline/promises';
import type Docker from 'dockerode';
import { TABLE } from '../node-agent/domain/firewall-rules.ts';
import { madeImages } from './image/session-image.ts';
import { Apt } from './machine/apt.ts';
import { type DockerEngine, ensureDocker, openDocker } from './machine/docker.ts';
import { hasOwnDockerd } from './machine/dockerd.ts';
import { labelled } from './machine/labelled.ts';
import { type Belonging, disks, sockets } from './machine/node-files.ts';
import { dataDirectory } from './places.ts';
import { hasFlag, reasonOf, runProgram, Trouble } from './program.ts';
import { dim, print, step, yellow } from './terminal.ts';
import { lockDirectory } from './up/lock.ts';

/** Raworc's entries in its data directory. Other files there are left alone. */
const ourNames = ['cli', 'controller', 'logs', 'nats', 'nodes', 'run', 'tmp', 'tools'];

runProgram(async (args) => {
  const isConfirmed = hasFlag(args, '--yes', 'clean');
  const dataDir = await dataDirectory();
  const unlock = await lockDirectory(dataDir);
  const engine = await openEngine(dataDir);
  try {
    const belongings = [...(engine ? await onDocker(engine.docker, dataDir) : []), ...disks(dataDir), ...(engine ? sockets(dataDir) : [])];
    print('This removes for good:\n');
    for (const { kind, name } of belongings) print(`  ${kind.padEnd(9)}  ${name}\n`);
    print(`  data       ${dataDir}  ${dim('accounts, keys, messages, agents, logs')}\n`);
    if (!isConfirmed && !(await confirmed())) return 1;
    for (const one of belongings) await step(`Remove ${one.kind} ${one.name}`, () => one.remove());
  } finally {
    await engine?.release();
  }
  unlock();
  await step(`Remove ${dataDir}`, () => removeData(dataDir));
  return 0;
});

/** Returns Docker, which may have to be started: `npm run up` stops the one that it started itself. Undefined if it does not run. */
async function openEngine(dataDir: string): Promise<Pick<DockerEngine, 'docker' | 'release'> | undefined> {
  const docker = openDocker();
  const isRunning = await docker
    .ping()
    .then(() => true)
    .catch(() => false);
  if (isRunning) return { docker, release: async () => undefined };
  if (hasOwnDockerd(dataDir)) return step('Docker', (report) => ensureDocker(dataDir, new Apt(dataDir), report));
  print(`${yellow('!')} Docker is not running: only the data is removed; volumes and images stay\n`);
  return undefined;
}

/**
 * Finds everything of this cluster and, if it is the only one, what all clusters share: the
 * network, firewall and session images.
 */
async function onDocker(docker: Docker, dataDir: string): Promise<readonly Belonging[]> {
  const idFile = join(dataDir, 'controller', 'cluster-id');
  const cluster = existsSync(idFile) ? readFileSync(idFile, 'utf8').trim() : undefined;
  const all = await labelled(docker, 'raworc.managed=true');
  const own = all.filter(({ labels }) => cluster !== undefined && labels['raworc.cluster'] === cluster);
  const shared = all.filter(({ labels }) => labels['raworc.cluster'] === undefined);
  if (own.length + shared.length < all.length) return own;
  const made = madeImages(dataDir);
  return [...own, ...shared.filter(({ kind, name }) => kind === 'network' || (kind === 'image' && made.includes(name))), ...firewall()];
}

/** Removes firewall rules that a killed node agent left behind. */
function firewall(): readonly Belonging[] {
  const nft = (verb: string) => execFileSync('nft', [verb, 'table', 'inet', TABLE], { stdio: 'ignore' });
  try {
    nft('list');
  } catch {
    return []; // No such table, or no nftables.
  }
  return [{ kind: 'firewall', name: `table inet ${TABLE}`, remove: () => nft('delete') }];
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new Trouble('cannot ask for confirmation without a terminal, so nothing was removed', 'npm run clean -- --yes');
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
    if (readdirSync(dataDir).length === 0) rmdirSync(dataDir);
  } catch (error) {
    print(dim(`${basename(dataDir)} stays: ${reasonOf(error)}\n`)); // A mount point, as in a container.
  }
}
