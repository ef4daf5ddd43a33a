/**
 * Compares the throughput of one byte stream, for a file on a session's disk, with that of
 * `docker exec CONTAINER cat` for the same file; then the round trips of messages without and with
 * ten full streams. The two take turns, since absolute times drift. The guest's file reader exists
 * only in tests/streams. `npm run bench -- streams [turns] [megabytes]`.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deploy, writeAgent } from '../tests/cluster/agents.ts';
import { type Cluster, startCluster } from '../tests/cluster/harness.ts';
import { buildTestGuest } from '../tests/streams/build-guest.ts';
import { figures, median, row, timed } from './figures/figures.ts';

const ECHO = { 'main.py': 'def process_message(message, context):\n    return message\n' };
const FULL_STREAMS = 10;
const MESSAGES = 200;
/** Between two messages: without it, an account would use up its budget of writes. */
const PAUSE_MS = 8;
/** More than a stream's window. */
const RUNNING_BYTES = 1_500_000;
const PROCESSES = ['controller', 'node agent', 'guest'] as const;
type Resident = Readonly<Record<(typeof PROCESSES)[number], number>>;
/** Minimum share of docker exec's throughput; below it the exit code is 1. */
const GOAL = 0.7;

const run = promisify(execFile);
const turns = Number(process.argv[2] ?? 9);
const megabytes = Number(process.argv[3] ?? 200);

const endings: (() => Promise<void>)[] = [];
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.push(end), passing: () => true, comment: () => undefined };
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1' }], program: 'tests/streams/controller.ts' });
  // New containers use the guest in this directory.
  const installed = join(cluster.node('node-1').dataDirectory, 'guest');
  for (const version of readdirSync(installed)) await buildTestGuest(join(installed, version, 'guest.mjs'));
  await deploy(cluster.rest, 'echo', await writeAgent(join(cluster.directory, 'echo'), ECHO));
  const session = await cluster.rest.createSession();
  const container = session.container_id ?? '';
  const { port } = await cluster.controller.untilEvent('streams.served');
  const FILE = '/session/bench';
  await writeFile(join(cluster.node('node-1').diskFiles(session.id), 'bench'), randomBytes(megabytes * 1_000_000), { mode: 0o644 });

  const byStream = async (path = `/${session.id}/file?path=${FILE}`) => {
    const request = get({ host: '127.0.0.1', port: Number(port), path });
    const [response] = await once(request, 'response');
    let bytes = 0;
    for await (const piece of response) bytes += piece.byteLength;
    if (bytes !== megabytes * 1_000_000) throw new Error(`${bytes} bytes by a stream`);
  };
  const byExec = async () => {
    const child = spawn('docker', ['exec', container, 'cat', FILE], { stdio: ['ignore', 'pipe', 'inherit'] });
    let bytes = 0;
    for await (const piece of child.stdout) bytes += piece.byteLength;
    if (bytes !== megabytes * 1_000_000) throw new Error(`${bytes} bytes by docker exec`);
  };
  const times = { stream: [] as number[], exec: [] as number[] };
  await byStream();
  await byExec();
  for (let turn = 0; turn < turns; turn += 1) {
    times.stream.push(await timed(() => byStream()));
    times.exec.push(await timed(byExec));
  }
  const rate = (all: number[]) => megabytes / (median(all) / 1000);
  console.log(`${megabytes} MB, ${turns} turns, milliseconds`);
  console.log(row('', ['median', 'p95', 'p99']));
  console.log(row('one byte stream, to an HTTP client', figures(times.stream)));
  console.log(row('docker exec cat (docker CLI)', figures(times.exec)));
  const ratio = rate(times.stream) / rate(times.exec);
  console.log(`${rate(times.stream).toFixed(0)} MB/s and ${rate(times.exec).toFixed(0)} MB/s: ${ratio.toFixed(2)} of docker exec cat.`);

  const message = async () => {
    await cluster.rest.say(session.id, 'hello');
  };
  const measure = async () => {
    const all: number[] = [];
    for (let turn = 0; turn < MESSAGES; turn += 1) {
      all.push(await timed(message));
      await delay(PAUSE_MS);
    }
    return all;
  };
  for (let turn = 0; turn < 20; turn += 1) await message();
  const alone: number[] = [];
  const beside: number[] = [];
  const residentAlone: Resident[] = [];
  const residentBeside: Resident[] = [];
  let carried = 0;
  let lastedMs = 0;
  for (let round = 0; round < 3; round += 1) {
    alone.push(...(await measure()));
    residentAlone.push(await residentKib(cluster, container));
    // Paced like clients across a network: ten unpaced readers would use all processor time.
    const paced = Array.from({ length: FULL_STREAMS }, () => pacedReader(Number(port), `/${session.id}/endless`));
    // A stream is running once it has filled every buffer on its way.
    await Promise.all(paced.map((reader) => reader.running));
    residentBeside.push(await residentKib(cluster, container));
    const before = performance.now();
    beside.push(...(await measure()));
    lastedMs += performance.now() - before;
    for (const reader of paced) carried += reader.close();
  }
  console.log(
    `${3 * MESSAGES} messages, milliseconds; the streams carried ${(carried / 1e6 / (lastedMs / 1000)).toFixed(0)} MB/s together`,
  );
  console.log(row('', ['median', 'p95', 'p99']));
  console.log(row('without streams', figures(alone)));
  console.log(row(`beside ${FULL_STREAMS} full streams`, figures(beside)));
  for (const name of PROCESSES) {
    const grown = Math.max(...residentBeside.map((all) => all[name])) - Math.min(...residentAlone.map((all) => all[name]));
    console.log(`${name}: at most ${(grown / 1024 / FULL_STREAMS).toFixed(1)} MiB more memory per full stream`);
  }
  if (ratio < GOAL) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

/** Returns the resident memory of each process on the way, in KiB. */
async function residentKib(cluster: Cluster, container: string): Promise<Resident> {
  const { stdout } = await run('docker', ['top', container, '-o', 'pid,args']);
  const guest = /^\s*(\d+) .*guest\.mjs/m.exec(stdout)?.[1];
  return {
    controller: kibOf(cluster.controller.pid),
    'node agent': kibOf(cluster.node('node-1').process.pid),
    guest: kibOf(Number(guest)),
  };
}

function kibOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/**
 * Reads one stream at RAWORC_BENCH_PACE megabytes per second (default 1; 0: unlimited), so that the
 * stream is always full.
 */
function pacedReader(port: number, path: string): { readonly running: Promise<void>; close(): number } {
  const pace = Number(process.env.RAWORC_BENCH_PACE ?? 1) * 1_000_000;
  let bytes = 0;
  const { promise: running, resolve } = Promise.withResolvers<void>();
  const request = get({ host: '127.0.0.1', port, path }, (response) => {
    const began = performance.now();
    response.on('data', (piece: Buffer) => {
      bytes += piece.byteLength;
      if (bytes > RUNNING_BYTES) resolve();
      const aheadMs = pace === 0 ? 0 : (bytes / pace) * 1000 - (performance.now() - began);
      if (aheadMs < 5) return;
      response.pause();
      setTimeout(() => response.resume(), aheadMs);
    });
    response.on('error', () => undefined);
  });
  request.on('error', () => undefined);
  return {
    running,
    close() {
      request.destroy();
      return bytes;
    },
  };
}
