import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { joinWithToken } from '../../node-agent/identity/join.ts';
import { systemClock } from '../../seams/system.ts';
import { childMessage } from '../child-message.ts';
import { expect, Rest } from '../cluster/rest.ts';
import { startHollowNode } from '../contract/hollow-node.ts';
import { silent } from '../unit/controller/core.ts';
import type { Arms } from './attack.ts';
import { FloodedController, IMAGE, PASSWORD } from './controller.ts';
import { HonestClient } from './honest.ts';

export interface Plan {
  /** Phases without and with the flood, in turns. */
  readonly rounds: number;
  readonly requests: number;
  readonly connections: number;
  /** Only the attacks whose names hold this word; all of them for an empty one. */
  readonly only: string;
  print(line: string): void;
}

export interface Measured {
  readonly p99Ms: { readonly quiet: number; readonly flooded: number };
  /** Of each phase without a flood. */
  readonly quietP99sMs: readonly number[];
  readonly medianMs: { readonly quiet: number; readonly flooded: number };
  readonly memoryBytes: { readonly quiet: number; readonly flooded: number };
  /** What was held after the flood, by name. Empty: all was released. */
  readonly left: Readonly<Record<string, number>>;
  readonly keys: number;
  /** How the attacks ended, by attack. */
  readonly tallies: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly adminMs: number;
}

const WARM_UP = 400;
/** So long every attack takes to be at full strength, and slow ones to meet their deadlines. */
const SETTLE_MS = 3000;
const RELEASED_WITHIN_MS = 30_000;

/** Floods a controller of its own. */
export async function measure({ rounds, requests, connections, only, print }: Plan): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-flood-'));
  const ends: (() => unknown)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const controller = await FloodedController.start(directory);
    ends.push(() => controller.close());
    const { rest, target } = controller;
    const node = await startHollowNode({
      name: 'hollow',
      directory: join(directory, 'node'),
      token: await rest.nodeToken(),
      image: IMAGE,
      log: silent,
    });
    ends.push(() => node.close());
    const honest = await honestClient(rest, target.url);
    ends.push(() => honest.close());
    const arms = await armsFor(controller, directory, { connections, only });
    const flooder = fork(new URL('./flooder.ts', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    ends.push(() => flooder.kill('SIGKILL'));
    await childMessage(flooder, 'ready');

    await honest.latenciesMs(WARM_UP);
    const quiet: number[] = [];
    const flooded: number[] = [];
    const quietP99sMs: number[] = [];
    let quietBytes = 0;
    let floodedBytes = 0;
    let adminMs = 0;
    let tallies: Measured['tallies'] = {};
    for (let round = 0; round < rounds; round += 1) {
      const alone = await honest.latenciesMs(requests);
      quietP99sMs.push(quantile(alone, 0.99));
      quiet.push(...alone);
      if (round === 0) quietBytes = await controller.memoryBytes();
      flooder.send({ start: arms });
      const watch = setInterval(() => {
        void controller.memoryBytes().then((bytes) => {
          floodedBytes = Math.max(floodedBytes, bytes);
        });
      }, 100);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      flooded.push(...(await honest.latenciesMs(requests)));
      // Somebody who has not logged in yet, from another address than the attackers'.
      const startedAt = performance.now();
      await Rest.login(target.url, 'admin', PASSWORD);
      adminMs = Math.max(adminMs, performance.now() - startedAt);
      clearInterval(watch);
      flooder.send({ stop: true });
      tallies = z
        .object({ tallies: z.record(z.string(), z.record(z.string(), z.number())) })
        .parse(await childMessage(flooder, 'tallies')).tallies;
      print(`round ${round + 1}: p99 ${quantile(quiet, 0.99).toFixed(1)} ms quiet, ${quantile(flooded, 0.99).toFixed(1)} ms flooded`);
    }
    // With the attackers go the connections that they keep ready.
    flooder.kill('SIGKILL');
    const { left, keys } = await released(controller);
    return {
      p99Ms: { quiet: quantile(quiet, 0.99), flooded: quantile(flooded, 0.99) },
      medianMs: { quiet: quantile(quiet, 0.5), flooded: quantile(flooded, 0.5) },
      memoryBytes: { quiet: quietBytes, flooded: floodedBytes },
      ...{ left, keys, tallies, adminMs, quietP99sMs },
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function honestClient(rest: Rest, url: string): Promise<HonestClient> {
  const token = await account(rest, url, 'honest', 'developer');
  const session = await new Rest(url, token).createSession();
  return new HonestClient(url, token, session.id);
}

async function account(rest: Rest, url: string, user: string, role?: string): Promise<string> {
  expect(await rest.call('POST', '/service-accounts', { user, pass: PASSWORD }), 201, `make ${user}`);
  if (role !== undefined)
    expect(await rest.call('POST', '/role-bindings', { role_name: role, principal: user, space: 'default' }), 201, `bind ${user}`);
  const login = await new Rest(url, '').call('POST', '/auth/login', { user, pass: PASSWORD });
  return z.object({ token: z.string() }).parse(expect(login, 200, `log in as ${user}`)).token;
}

async function armsFor({ rest, target }: FloodedController, directory: string, size: Pick<Arms, 'connections' | 'only'>): Promise<Arms> {
  const developerToken = await account(rest, target.url, 'flooding-developer', 'developer');
  const developer = new Rest(target.url, developerToken);
  const session = await developer.createSession();
  expect(await developer.call('POST', '/spaces/default/agents', { name: 'flooded' }), 201, 'make an agent');
  const identity = await joinWithToken({
    ...{ token: await rest.nodeToken(), nodeName: 'rubbish', directory: join(directory, 'rubbish') },
    ...{ clock: systemClock, log: silent, signal: new AbortController().signal },
  });
  return {
    target,
    outsiderToken: await account(rest, target.url, 'flooding-outsider'),
    developerToken,
    session: session.id,
    agent: 'flooded',
    node: identity,
    ...size,
  };
}

/** What is still held once nothing more is released. */
async function released(controller: FloodedController): Promise<{ left: Record<string, number>; keys: number }> {
  const deadline = performance.now() + RELEASED_WITHIN_MS;
  for (;;) {
    const held = { ...(await controller.metrics('budget_held')), ...(await controller.metrics('http_connections{')) };
    const left = Object.fromEntries(Object.entries(held).filter(([name, value]) => value > maxAtRest(name)));
    const keys = Object.values(await controller.metrics('budget_keys')).reduce((sum, value) => sum + value, 0);
    if (Object.keys(left).length === 0 || performance.now() > deadline) return { left, keys };
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** This request, and the idle connections of those who ask honestly. */
const maxAtRest = (name: string): number =>
  name.includes('connections') || name.includes('callers') ? 8 : name.includes('"requests"') ? 1 : 0;

export function quantile(values: readonly number[], rank: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * rank))] ?? Number.NaN;
}
