/** Builds over REST: their list, stages and logs, and cancelling them. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { archiveOf } from '../unit/controller/agents/source-archives.ts';
import { space as newSpace } from './people.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(120_000);

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

interface Build {
  readonly id: string;
  readonly status: string;
  readonly stages: readonly { readonly name: string; readonly status: string }[];
}

const MAIN = { name: 'main.py', content: 'def process_message(message, context):\n    return message\n' };

/** Creates a space with an agent that has a source. */
async function prepared(scope: Parameters<typeof newSpace>[0]): Promise<string> {
  const { rest } = target;
  const name = await newSpace(scope, target);
  const root = `/spaces/${name}`;
  await rest.call('POST', `${root}/agents`, { name: 'one' });
  await rest.send('PUT', `${root}/agents/one/source`, new Uint8Array(await archiveOf([MAIN])), 'application/gzip');
  return root;
}

/** Reads a stream of a build's log until it ends. */
async function followed(path: string, lastId?: string): Promise<string> {
  const { token } = (await target.rest.call('POST', '/auth/login', { user: 'admin', pass: target.password })).body as { token: string };
  const headers = { authorization: `Bearer ${token}`, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
  const response = await fetch(`${target.url}/api/v0${path}`, { headers });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return response.text();
}

t.test('a build has stages, and a log that can be followed, read and continued', async (t) => {
  const { rest } = target;
  const root = await prepared(t);
  await rest.call('POST', `${root}/agents/one/deploy`);
  const { id } = (await rest.call('GET', `${root}/build/latest`)).body as Build;
  const stream = await followed(`${root}/build/${id}/logs?follow=true`);
  t.match(stream, /^id: 1\nevent: log\ndata: .*Queued with one\./m);
  t.match(stream, /event: log\ndata: .*Completed as /);
  t.match(stream, /event: end\ndata: .*"status":"completed"/);
  const ids = [...stream.matchAll(/^id: (\d+)$/gm)].map(([, number]) => Number(number));
  t.same(
    ids,
    ids.map((_, at) => at + 1),
  );
  const continued = await followed(`${root}/build/${id}/logs?follow=true`, String(ids.length - 1));
  t.same(
    [...continued.matchAll(/^id: (\d+)$/gm)].map(([, number]) => Number(number)),
    [ids.length],
  );
  const { logs } = (await rest.call('GET', `${root}/build/${id}/logs`)).body as { logs: { line: string }[] };
  t.equal(logs.length, ids.length, 'read afterwards, it is the same');
  t.match(await rest.call('GET', `${root}/build/${id}/logs?limit=1`), { body: { logs: [{ line: /^Completed as / }] } });
  const { stages } = (await rest.call('GET', `${root}/build/${id}`)).body as Build;
  t.ok(stages.length > 0);
  t.ok(stages.every(({ status }) => status === 'completed'));
  t.match(await rest.call('GET', `${root}/build/${id}/logs?limit=0`), { status: 400 });
  await t.rejects(followed(`${root}/build/${id}/logs?follow=true`, 'x'), /400/);
  await t.rejects(followed(`${root}/build/${randomUUID()}/logs?follow=true`), /404/);
});

t.test('builds are listed newest first, by page and by filter', async (t) => {
  const { rest } = target;
  const root = await prepared(t);
  const ids: string[] = [];
  for (let at = 0; at < 3; at += 1) {
    const { id } = (await rest.call('POST', `${root}/build`, { force: true })).body as Build;
    await followed(`${root}/build/${id}/logs?follow=true`);
    ids.unshift(id);
  }
  const list = async (query: string) => ((await rest.call('GET', `${root}/builds${query}`)).body as Build[]).map(({ id }) => id);
  t.same(await list(''), ids);
  t.same(await list('?limit=1&offset=1'), ids.slice(1, 2));
  t.same(await list('?status=completed&created_by=admin'), ids);
  t.same(await list('?status=failed'), []);
  t.same(await list('?created_by=nobody'), []);
  t.match(await rest.call('GET', `${root}/builds?status=odd`), { status: 400 });
});

t.test('a build that has ended is not cancelled, and says how it ended', async (t) => {
  const { rest } = target;
  const root = await prepared(t);
  const { id } = (await rest.call('POST', `${root}/build`)).body as Build;
  await followed(`${root}/build/${id}/logs?follow=true`);
  t.match(await rest.call('DELETE', `${root}/build/${id}`), { status: 200, body: { id, status: 'completed' } });
  t.match(await rest.call('DELETE', `${root}/build/${randomUUID()}`), { status: 404 });
  t.match(await rest.call('DELETE', `/spaces/default/build/${id}`), { status: 404 }, 'of another space');
});
