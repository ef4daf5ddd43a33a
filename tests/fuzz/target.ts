import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Log } from '../../seams/log.ts';
import { childMessage } from '../child-message.ts';
import { Rest } from '../cluster/rest.ts';
import { type HollowNode, startHollowNode } from '../contract/hollow-node.ts';
import { IMAGE, PASSWORD } from './constants.ts';

const ready = z.object({ url: z.string(), e2b: z.string() });
const told = z.union([ready, z.object({ heapBytes: z.number() }), z.object({ fault: z.string() })]);
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const CAPACITY = { cpuMillis: 64_000, memoryBytes: 64 * 2 ** 30, sessions: 0 };

/** A controller in its own process, with two nodes in this one that only pretend. */
export interface FuzzTarget {
  readonly url: string;
  /** Of the listener for the SDKs of E2B. */
  readonly e2b: string;
  /** As `admin`, whom the fuzz leaves alone. */
  readonly root: Rest;
  /** Sessions that only the first node knows of. */
  readonly orphans: readonly string[];
  /** What both nodes hold. */
  readonly sharedOrphan: string;
  /** What the controller wrote to its log as an error. */
  readonly faults: readonly string[];
  /** Of the controller, after a forced collection. */
  heapBytes(): Promise<number>;
  /** Makes `admin` an admin again, by the rights of another one. */
  giveBackRoot(authorization: Readonly<Record<string, string>>): Promise<void>;
  /** Waits for the newest build of a space. */
  buildEnds(space: string): Promise<void>;
  /** Switches the second node off. */
  endSecondNode(): Promise<void>;
  close(): Promise<void>;
}

export const NODES = ['first', 'second'] as const;

export async function openTarget(): Promise<FuzzTarget> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-fuzz-nodes-'));
  const program = new URL('./controller-process.ts', import.meta.url);
  const child = fork(program, { execArgv: ['--expose-gc'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const faults: string[] = [];
  child.on('message', (message) => {
    const parsed = told.parse(message);
    if ('fault' in parsed) faults.push(parsed.fault);
  });
  child.on('exit', (code, signal) => faults.push(`the controller ended: ${code ?? signal}`));
  const nodes: HollowNode[] = [];
  const close = async () => {
    for (const node of nodes) await node.close();
    const exited = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.connected) child.send('end');
    else child.kill('SIGKILL');
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const { url, e2b } = ready.parse(await childMessage(child, 'url'));
    const root = await Rest.login(url, 'admin', PASSWORD);
    const orphans = Array.from({ length: 12 }, () => randomUUID());
    const sharedOrphan = randomUUID();
    const shared = { sessionId: sharedOrphan, isRunning: true };
    const leftBehind = orphans.map((sessionId, i) => ({ sessionId, isRunning: i % 2 === 0, space: i % 4 === 3 ? 'nowhere' : 'default' }));
    for (const name of NODES) {
      const plan = { name, directory: join(directory, name), token: await root.nodeToken(), image: IMAGE, log: silent, capacity: CAPACITY };
      nodes.push(await startHollowNode({ ...plan, leftBehind: name === 'first' ? [...leftBehind, shared] : [shared] }));
      await nodeBecomes(root, name, 'ready');
    }
    return {
      ...{ url, e2b, root, orphans, sharedOrphan, faults, close },
      async heapBytes() {
        child.send('heap');
        return z.object({ heapBytes: z.number() }).parse(await childMessage(child, 'heapBytes')).heapBytes;
      },
      async giveBackRoot(authorization) {
        const body = JSON.stringify({ role_name: 'admin', principal: 'admin' });
        const headers = { ...authorization, 'content-type': 'application/json' };
        const { status } = await fetch(`${url}/api/v0/role-bindings`, { method: 'POST', headers, body });
        if (status !== 201) throw new Error(`the admin stays without a role: ${status}`);
      },
      async buildEnds(space) {
        const stream = await root.watch('/events');
        try {
          const isOver = async () => ['completed', 'failed'].includes((await root.latestBuild(space)).status);
          while (!(await isOver())) await stream.until('a build goes on', ({ type }) => type === 'build.state');
        } finally {
          stream.close();
        }
      },
      async endSecondNode() {
        await nodes[1]?.close();
        await nodeBecomes(root, 'second', 'unreachable');
      },
    };
  } catch (fault) {
    await close();
    throw fault;
  }
}

/** Reads after the stream is open, so that it does not matter which came first. */
async function nodeBecomes(root: Rest, name: string, status: 'ready' | 'unreachable'): Promise<void> {
  const stream = await root.watch('/events');
  try {
    const is = async () => (await root.nodes()).some((node) => node.name === name && node.status === status);
    while (!(await is())) await stream.until(`${name} is ${status}`, ({ type }) => type === `node.${status}`);
  } finally {
    stream.close();
  }
}
