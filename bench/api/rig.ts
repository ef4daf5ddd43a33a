/**
 * Starts what the API bench needs: a controller with sessions, a node, the bare route and the load.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { expect, Rest } from '../../tests/cluster/rest.ts';
import { startHollowNode } from '../../tests/contract/hollow-node.ts';
import type { BareDuties } from './bare-process.ts';
import { request, type Target } from './connection.ts';
import type { ControllerDuties } from './controller-process.ts';
import type { LoadDuties, Worded } from './load-process.ts';
import { Queries } from './queries.ts';
import { Remote } from './remote.ts';
import { fillController, IMAGE, log, PASSWORD } from './setting.ts';

/** As raworc-controller.mjs starts it. */
const YOUNG = ['--max-semi-space-size=8'];

export interface Rig {
  readonly controller: Remote<ControllerDuties>;
  readonly bare: Remote<BareDuties>;
  readonly load: Remote<LoadDuties>;
  readonly queries: Queries;
  readonly api: Target;
  readonly bareRoutes: Target;
  readonly requests: Readonly<Record<'list' | 'posts' | 'bareRead' | 'bareList', readonly string[]>> & {
    /** Of each session, in random order. */
    readonly reads: Worded;
  };
}

/** `atEnd` closes everything that was opened, latest first. */
export async function openRig(sessions: number, running: number, atEnd: (end: () => Promise<void>) => void): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-bench-'));
  atEnd(() => rm(directory, { recursive: true, force: true }));
  const setting = { directory: join(directory, 'controller') };
  const ids = await fillController(setting, sessions);

  const controller = new Remote<ControllerDuties>('controller-process.ts', YOUNG);
  atEnd(() => controller.end());
  const url = await controller.ask('start', setting);
  const token = await tokenOf(url);
  const rest = new Rest(url, token);
  const news = await rest.watch('/events');
  const node = await startHollowNode({
    name: 'hollow',
    directory: join(directory, 'node'),
    token: await rest.nodeToken(),
    image: IMAGE,
    log,
  });
  atEnd(() => node.close());
  await news.until('the node is ready', ({ type }) => type === 'node.ready');
  news.close();
  const live: string[] = [];
  while (live.length < running) live.push((await rest.createSession()).id);

  const bodies = { one: await got(rest, `/sessions/${ids[0]}`), list: await got(rest, '/sessions?limit=100') };
  const bare = new Remote<BareDuties>('bare-process.ts');
  atEnd(() => bare.end());
  const bareRoutes = { host: '127.0.0.1', port: await bare.ask('listen', bodies) };
  const load = new Remote<LoadDuties>('load-process.ts');
  atEnd(() => load.end());
  await load.ask('keep', shuffled(ids));
  const queries = new Queries(setting.directory);
  atEnd(async () => queries.close());

  const [before = '', after = ''] = request('GET', '/api/v0/sessions/{id}', token).split('{id}');
  const below = (method: string, path: string, body?: unknown) => request(method, `/api/v0${path}`, token, body);
  return {
    ...{ controller, bare, load, queries, bareRoutes, api: { host: '127.0.0.1', port: Number(new URL(url).port) } },
    requests: {
      reads: { before, after, first: 0, last: ids.length },
      list: [below('GET', '/sessions?limit=100')],
      posts: live.map((id) => below('POST', `/sessions/${id}/messages`, { content: 'hello' })),
      bareRead: [request('GET', '/one', token)],
      bareList: [request('GET', '/list', token)],
    },
  };
}

async function tokenOf(url: string): Promise<string> {
  const answer = await new Rest(url, '').call('POST', '/auth/login', { user: 'admin', pass: PASSWORD });
  return z.object({ token: z.string() }).parse(expect(answer, 200, 'login')).token;
}

const got = async (rest: Rest, path: string) => expect(await rest.call('GET', path), 200, path);

function shuffled(ids: readonly string[]): string[] {
  const some = [...ids];
  for (let at = some.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [some[at], some[other]] = [some[other] ?? '', some[at] ?? ''];
  }
  return some;
}
