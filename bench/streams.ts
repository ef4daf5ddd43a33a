/**
 * Compares byte streams with Docker, in turns, since absolute times drift:
 * 1. the throughput of one stream, for a file on a session's disk, with `docker exec CONTAINER cat`;
 * 2. that of log lines in a stream with `docker logs` of the same lines;
 * 3. the round trips of messages beside ten full streams with those beside nothing, and beside ten
 *    `docker exec` that carry as much.
 * The guest's readers of files exist only in tests/streams. `npm run bench -- streams [turns] [megabytes]`.
 */
import { execFile, fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { childMessage } from '../tests/child-message.ts';
import { deploy, writeAgent } from '../tests/cluster/agents.ts';
import { sessionImage } from '../tests/cluster/docker.ts';
import { type Cluster, startCluster } from '../tests/cluster/harness.ts';
import { buildTestGuest } from '../tests/streams/build-guest.ts';
import { figures, median, percentile, row, timed } from './figures/figures.ts';
import { printed, writeLines } from './streams/log-lines.ts';
import type { Source } from './streams/readers-process.ts';

const ECHO = { 'main.py': 'def process_message(message, context):\n    return message\n' };
const FULL_STREAMS = 10;
/** Many short rounds: what else the machine does falls on each of the three alike. */
const MESSAGES = 50;
const ROUNDS = 12;
/** Between two messages: without it, an account would use up its budget of writes. */
const PAUSE_MS = 8;
/** Bytes per second of each paced stream. */
const PACE = Number(process.env.RAWORC_BENCH_PACE ?? 1) * 1_000_000;
const PROCESSES = ['controller', 'node agent', 'guest'] as const;
type Resident = Readonly<Record<(typeof PROCESSES)[number], number>>;
/** Minimum share of docker exec's throughput, and maximum growth of the p99; beyond either the exit code is 1. */
const GOALS = { throughput: 0.7, p99: 1.3 };

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

  const LINES = '/session/lines';
  const linesFile = join(cluster.node('node-1').diskFiles(session.id), 'lines');
  const linesBytes = await writeLines(linesFile, megabytes / 10);
  const printer = await printed(linesFile, await sessionImage(), cluster.id);

  const byStream = async (kind: 'file' | 'lines', path: string, expected: number) => {
    const request = get({ host: '127.0.0.1', port: Number(port), path: `/${session.id}/${kind}?path=${path}` });
    const [response] = await once(request, 'response');
    const bytes = await count(response);
    if (bytes !== expected) throw new Error(`${bytes} bytes by a stream`);
  };
  const byDocker = async (args: readonly string[], expected: number) => {
    const child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const bytes = await count(child.stdout);
    if (bytes !== expected) throw new Error(`${bytes} bytes by docker ${args[0]}`);
  };
  const compared = async (names: readonly [string, string], bytes: number, stream: () => Promise<void>, peer: () => Promise<void>) => {
    const times = { stream: [] as number[], peer: [] as number[] };
    for (let turn = -1; turn < turns; turn += 1) {
      const [a, b] = [await timed(stream), await timed(peer)];
      if (turn >= 0) times.stream.push(a);
      if (turn >= 0) times.peer.push(b);
    }
    const rate = (all: readonly number[]) => bytes / 1000 / median(all);
    console.log(`${(bytes / 1e6).toFixed(0)} MB, ${turns} turns, milliseconds`);
    console.log(row('', ['median', 'p95', 'p99']));
    console.log(row(names[0], figures(times.stream)));
    console.log(row(names[1], figures(times.peer)));
    const ratio = rate(times.stream) / rate(times.peer);
    console.log(`${rate(times.stream).toFixed(0)} MB/s and ${rate(times.peer).toFixed(0)} MB/s: ${ratio.toFixed(2)}\n`);
    return ratio;
  };
  const fileBytes = megabytes * 1_000_000;
  const ratio = await compared(
    ['one byte stream, to an HTTP client', 'docker exec cat (docker CLI)'],
    fileBytes,
    () => byStream('file', FILE, fileBytes),
    () => byDocker(['exec', container, 'cat', FILE], fileBytes),
  );
  await compared(
    ['log lines by a stream', 'docker logs (docker CLI)'],
    linesBytes,
    () => byStream('lines', LINES, linesBytes),
    () => byDocker(['logs', printer], linesBytes),
  );

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
  const readers = fork(new URL('./streams/readers-process.ts', import.meta.url));
  endings.push(async () => void readers.kill());
  /** Messages beside full readers, and what those carried. */
  const beside = async (into: Beside, source: Source) => {
    const running = childMessage(readers, 'running');
    readers.send({ ...source, pace: PACE, count: FULL_STREAMS });
    await running;
    into.resident.push(await residentKib(cluster, container));
    const before = performance.now();
    into.times.push(...(await measure()));
    into.lastedMs += performance.now() - before;
    const closed = childMessage(readers, 'bytes');
    readers.send({ close: true });
    into.bytes += z.object({ bytes: z.number() }).parse(await closed).bytes;
    // What is on its way ends with its reader.
    await delay(200);
  };
  const alone: number[] = [];
  const residentAlone: Resident[] = [];
  const full = { streams: besideNothing(), execs: besideNothing() };
  const parts = [
    async () => {
      alone.push(...(await measure()));
      residentAlone.push(await residentKib(cluster, container));
    },
    () => beside(full.streams, { stream: { port: Number(port), path: `/${session.id}/endless` } }),
    () => beside(full.execs, { exec: { container } }),
  ];
  // None of them always comes after the same other.
  for (let round = 0; round < ROUNDS; round += 1) for (const part of round % 2 === 0 ? parts : parts.toReversed()) await part();
  if (/ cat /.test((await run('docker', ['top', container, '-o', 'pid,args'])).stdout))
    throw new Error('a reader of docker exec did not end');
  const carried = ({ bytes, lastedMs }: Beside) => `${(bytes / 1e6 / (lastedMs / 1000)).toFixed(0)} MB/s`;
  console.log(`${ROUNDS * MESSAGES} messages in ${ROUNDS} rounds, milliseconds, load ${loadavg()[0]?.toFixed(1)}`);
  console.log(row('', ['median', 'p95', 'p99', 'carried']));
  console.log(row('alone', figures(alone)));
  console.log(row(`beside ${FULL_STREAMS} full streams`, [...figures(full.streams.times), carried(full.streams)]));
  console.log(row(`beside ${FULL_STREAMS} docker exec cat`, [...figures(full.execs.times), carried(full.execs)]));
  const growth = ({ times }: Beside) => percentile(times, 99) / percentile(alone, 99);
  console.log(`p99: ${growth(full.streams).toFixed(2)} times that alone, beside docker exec ${growth(full.execs).toFixed(2)} times.`);
  for (const name of PROCESSES) {
    const grown = Math.max(...full.streams.resident.map((all) => all[name])) - Math.min(...residentAlone.map((all) => all[name]));
    console.log(`${name}: at most ${(grown / 1024 / FULL_STREAMS).toFixed(1)} MiB more memory per full stream`);
  }
  if (ratio < GOALS.throughput || growth(full.streams) > GOALS.p99) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

interface Beside {
  readonly times: number[];
  readonly resident: Resident[];
  bytes: number;
  lastedMs: number;
}

function besideNothing(): Beside {
  return { times: [], resident: [], bytes: 0, lastedMs: 0 };
}

async function count(source: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const piece of source) bytes += piece.byteLength;
  return bytes;
}

/** Returns the resident memory of each process on the way, in KiB. */
async function residentKib(cluster: Cluster, container: string): Promise<Resident> {
  const { stdout } = await run('docker', ['top', container, '-o', 'pid,args']);
  // Not docker-init, whose arguments are the same.
  const guest = /^\s*(\d+)\s+\S*\/node .*guest\.mjs/m.exec(stdout)?.[1];
  return {
    controller: kibOf(cluster.controller.pid),
    'node agent': kibOf(cluster.node('node-1').process.pid),
    guest: kibOf(Number(guest)),
  };
}

function kibOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
