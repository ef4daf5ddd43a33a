/**
 * Many nodes pull one new image through the controller's registry, read its bytes and drop them.
 * Prints the time, the bytes, and how long messages of a session take meanwhile. Gets
 * docker-registry if it is missing. `npm run bench -- pulls [--nodes 100] [--mb 500] [--processes 4]`
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { Apt } from '../scripts/machine/apt.ts';
import { dataDirectory } from '../scripts/places.ts';
import { runProgram } from '../scripts/program.ts';
import { step } from '../scripts/terminal.ts';
import { childMessage } from '../tests/child-message.ts';
import { within } from '../tests/cluster/deadline.ts';
import type { Rest } from '../tests/cluster/rest.ts';
import { startHollowNode } from '../tests/contract/hollow-node.ts';
import { FloodedController, IMAGE } from '../tests/flood/controller.ts';
import { silent } from '../tests/unit/controller/core.ts';

const GOAL = 1.5;
const MB = 1_000_000;
const WARM_UP = 200;
/** Messages without pulls; more would not change the 99th percentile. */
const ALONE = 1_000;
/** Slower than this over all nodes, it has failed. */
const SLOWEST_BYTES_PER_MS = 10_000;
const SPARE_MS = 120_000;
const READY_WITHIN_MS = 60_000;
const POLL_MS = 100;
/** Between two messages: an account's budget is 100 a second. */
const PACE_MS = 15;

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '100' },
    mb: { type: 'string', default: '500' },
    processes: { type: 'string', default: '4' },
  },
});
const [nodes, imageBytes, processes] = [Number(values.nodes), Number(values.mb) * MB, Number(values.processes)];
const print = (line: string) => process.stdout.write(`${line}\n`);
const quantile = (sorted: readonly number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const shown = (took: readonly number[]) => {
  const sorted = took.toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), count: sorted.length };
};

const directory = await mkdtemp(join(tmpdir(), 'raworc-pulls-'));
const children: ChildProcess[] = [];
const closers: (() => unknown)[] = [() => rm(directory, { recursive: true, force: true })];
runProgram(async () => {
  try {
    await step('docker-registry', async ({ progress }) => {
      const program = await new Apt(await dataDirectory()).fetch('docker-registry', progress);
      process.env.PATH = `${process.env.PATH}:${dirname(program)}`;
    });
    return (await measure()) ? 0 : 1;
  } finally {
    for (const child of children) child.kill('SIGKILL');
    for (const close of closers.toReversed()) await close();
  }
});

async function measure(): Promise<boolean> {
  const controller = await FloodedController.start(join(directory, 'controller'));
  closers.push(() => controller.close());
  const { rest } = controller;
  // It has the image and no way to the registry, so that it pushes nothing: the session is here.
  const home = await startHollowNode({
    ...{ name: 'home', directory: join(directory, 'home'), token: await rest.nodeToken(), image: IMAGE, log: silent },
  });
  closers.push(() => home.close());
  await within('the first node to be ready', READY_WITHIN_MS, untilReady(rest));
  const session = (await rest.createSession()).id;
  const names = Array.from({ length: nodes }, (_, index) => `node-${index}`);
  const shares = Array.from({ length: processes }, (_, at) => names.filter((_name, index) => index % processes === at));
  const crowd = await Promise.all(shares.map((share) => startNodes(rest, share, false)));
  print(`${nodes} nodes without the image, in ${processes} processes`);

  await messages(rest, session, WARM_UP);
  const alone = shown(await messages(rest, session, ALONE));
  print(`messages alone: p50 ${alone.p50.toFixed(1)} ms, p99 ${alone.p99.toFixed(1)} ms (${alone.count})`);

  const beganMs = performance.now();
  const limitMs = SPARE_MS + (nodes * imageBytes) / SLOWEST_BYTES_PER_MS;
  const over = new AbortController();
  const pulls = (async () => {
    const pulled = arrivals(crowd);
    const holder = await startNodes(rest, ['holder'], true);
    return Promise.race([pulled, anyEnd([...crowd, holder])]);
  })();
  const arrived = within(`${nodes} nodes to have the image`, limitMs, pulls).finally(() => over.abort());
  const [took, bytes] = await Promise.all([messages(rest, session, Number.POSITIVE_INFINITY, over.signal), arrived]);
  const beside = shown(took);
  const seconds = (performance.now() - beganMs) / 1000;
  print(`messages beside the pulls: p50 ${beside.p50.toFixed(1)} ms, p99 ${beside.p99.toFixed(1)} ms (${beside.count})`);
  const rate = bytes / MB / seconds;
  print(
    `${nodes} × ${imageBytes / MB} MB: ${(bytes / MB).toFixed(0)} MB pulled in ${seconds.toFixed(1)} s with the push, ${rate.toFixed(0)} MB/s`,
  );
  const ratio = beside.p99 / alone.p99;
  const isGood = ratio <= GOAL && bytes === nodes * imageBytes;
  print(`p99 ${ratio.toFixed(2)} × that alone (goal: at most ${GOAL}): ${isGood ? 'holds' : 'misses'}`);
  return isGood;
}

/** Each waits for its reply. */
async function messages(rest: Rest, session: string, count: number, signal?: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  while (took.length < count && signal?.aborted !== true) {
    const startedMs = performance.now();
    const { reply } = await rest.say(session, `message ${took.length}`);
    if (reply === null || reply === undefined) throw new Error('a message got no reply');
    took.push(performance.now() - startedMs);
    await setTimeout(PACE_MS);
  }
  return took;
}

async function startNodes(rest: Rest, names: readonly string[], hasImage: boolean): Promise<ChildProcess> {
  const child = fork(new URL('./pulls/nodes-process.ts', import.meta.url));
  children.push(child);
  const tokens: string[] = [];
  for (const _ of names) tokens.push(await rest.nodeToken());
  const ready = childMessage(child, 'ready');
  child.send({ names, tokens, directory, image: IMAGE, hasImage, imageBytes });
  await ready;
  return child;
}

async function untilReady(rest: Rest): Promise<void> {
  while (!(await rest.nodes()).some(({ status }) => status === 'ready')) await setTimeout(POLL_MS);
}

/** Resolves once each node has the image, with the bytes of all. */
function arrivals(crowd: readonly ChildProcess[]): Promise<number> {
  const shape = z.object({ pulled: z.string(), bytes: z.number() });
  const missing = new Set(Array.from({ length: nodes }, (_, index) => `node-${index}`));
  let bytes = 0;
  return new Promise((resolve) => {
    for (const child of crowd)
      child.on('message', (message) => {
        const found = shape.safeParse(message);
        if (!found.success) return;
        bytes += found.data.bytes;
        missing.delete(found.data.pulled);
        if (missing.size === 0) resolve(bytes);
      });
  });
}

/** Rejects once a process ends, or a node in one of them. */
async function anyEnd(processes: readonly ChildProcess[]): Promise<never> {
  const ended = await Promise.race(processes.map((child) => childMessage(child, 'ended')));
  throw new Error(`a node ended early: ${JSON.stringify(ended)}`);
}
