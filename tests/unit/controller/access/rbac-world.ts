/**
 * The whole REST API over a real store. While it is frozen nothing changes: whatever reaches the applier fails there, so that a 500 says
 * that the request was let through.
 */

import { createHash, createSecretKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localNews } from '../../../../controller/bus/local.ts';
import { openCore } from '../../../../controller/core.ts';
import type { Mutation } from '../../../../controller/domain/engine/mutation.ts';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { createApp } from '../../../../controller/http/app.ts';
import { SseStreams } from '../../../../controller/http/events/sse-streams.ts';
import { allRoutes } from '../../../../controller/http/routes/all-routes.ts';
import type { Route } from '../../../../controller/http/routing/route.ts';
import { listen } from '../../../../controller/http/server/server.ts';
import { createTokens, type TokenHolder } from '../../../../controller/services/access/tokens.ts';
import type { Applier } from '../../../../controller/services/engine/applier.ts';
import { eventIds } from '../../../../controller/services/events/event-ids.ts';
import { LEASE } from '../../../../controller/services/nodes/lease.ts';
import { SealingRing, sealingKey } from '../../../../controller/services/spaces/sealing.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { noBarriers } from '../../../../seams/barrier.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { prometheusMetrics } from '../../../../seams/prometheus.ts';
import { systemClock as clock, systemRandom as random } from '../../../../seams/system.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { UNBOUNDED } from '../../../unbounded-budgets.ts';
import { silent } from '../core.ts';

export interface Asked {
  readonly status: number;
  readonly body: unknown;
}

export interface RbacWorld {
  readonly url: string;
  readonly routes: readonly Route[];
  token(holder: TokenHolder): string;
  /** Nothing can change while it is frozen, as it is at the start. */
  frozen: boolean;
  readonly applier: Applier;
  /** As a Bearer token or key. HEAD where the answer would be a stream. */
  ask(bearer: string, route: Pick<Route, 'method' | 'answers' | 'raw'>, path: string, body: unknown): Promise<Asked>;
  close(): Promise<void>;
}

const refusing = (): never => {
  throw new Error('this world is only looked at');
};

export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('hex');
export const keyRing = () => new SealingRing([sealingKey('00000001', new Uint8Array(32).fill(7))]);

/** `listsAt` opens the lists of the store at that path. */
export async function openRbacWorld(rows: readonly Mutation[], listsAt = listsOn): Promise<RbacWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-rbac-'));
  const store = await openBareStore(join(directory, 'raworc.db'), 1);
  store.writer.transaction(() => {
    for (const row of rows) store.writer.apply(row);
  });
  const { lists, close } = listsAt(store.path);
  const world = { frozen: true };
  const core = openCore({
    budgets: UNBOUNDED,
    store: {
      ...store,
      lists,
      writer: {
        ...store.writer,
        transaction: (work) => store.writer.transaction(work),
        savepoint: (work) => (world.frozen ? refusing() : store.writer.savepoint(work)),
      },
    },
    ...{ news: localNews, clusterId: 'c', storeKey: new Uint8Array(32), baseImage: 'base', version: '1' },
    sourceStore: { receive: async () => refused('UNPROCESSABLE_ENTITY', 'No source'), remove: async () => undefined, kept: async () => [] },
    passwords: { hash: async () => accepted('hash'), verify: async () => accepted(true) },
    sealing: { ring: keyRing(), keys: { read: async () => [], remove: async () => undefined, watch: () => ({ close: () => undefined }) } },
    ...{
      lease: LEASE,
      clock,
      random,
      log: silent,
      metrics: silentMetrics,
      barriers: noBarriers,
      onFatal: refusing,
      joinLine: () => 'join',
    },
    health: { checkStore: () => undefined, degradations: {} },
  });
  const tokens = createTokens({ keys: [{ key: createSecretKey(random.bytes(32)), kid: 'k' }], clock, random });
  const edge = { services: core.services, tokens, eventIds: eventIds(random.bytes(32)), log: silent, clock, version: '1' };
  const agent = new Agent({ keepAlive: true });
  const server = await listen(
    createApp({ ...edge, random, budgets: core.budgets, corsOrigins: [], metrics: prometheusMetrics({ processMetrics: false }) }),
    {
      host: '127.0.0.1',
      port: 0,
    },
  );
  return Object.assign(world, {
    url: server.url,
    applier: core.applier,
    routes: allRoutes({ ...edge, streams: new SseStreams(clock) }),
    token: (holder: TokenHolder) => tokens.sign(holder).token,
    async ask(bearer: string, route: Pick<Route, 'method' | 'answers' | 'raw'>, path: string, body: unknown) {
      const isStream = Object.values(route.answers ?? {}).includes('event-stream');
      const hasBody = route.method !== 'GET' && route.method !== 'DELETE';
      return send({
        agent,
        method: isStream ? 'HEAD' : route.method,
        url: `${server.url}/api/v0${path}`,
        headers: { authorization: `Bearer ${bearer}`, ...(hasBody ? { 'content-type': route.raw ?? 'application/json' } : {}) },
        body: hasBody ? (route.raw === undefined ? JSON.stringify(body ?? {}) : 'nothing') : '',
      });
    },
    async close() {
      agent.destroy();
      await server.close(0);
      await core.close();
      close();
      store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  });
}

/** Thousands are sent: twice as fast as fetch. */
function send({
  url,
  body,
  ...options
}: {
  readonly agent: Agent;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const headers = body === '' ? options.headers : { ...options.headers, 'content-length': String(Buffer.byteLength(body)) };
    const sent = request(url, { ...options, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('error', reject);
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
