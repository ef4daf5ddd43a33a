/** The setting of the rows of the contract: a space with an agent and a build, and calls in it. */
import type { Test } from 'tap';
import { expect, type Rest } from '../cluster/rest.ts';
import { archiveOf, main } from '../unit/controller/agents/source-archives.ts';
import type { Operation } from './document.ts';
import type { Got } from './judge.ts';
import { type Person, unique } from './people.ts';
import type { Call, Stage } from './rows.ts';

export interface OwnStage extends Stage {
  /** Has what an answer says was made taken away at the end. */
  cleanUp(path: string, text: string): void;
}

/** The field that holds an object's name, by the path that creates it. */
const CLEANED: Readonly<Record<string, string>> = { '/service-accounts': 'id', '/roles': 'id', '/spaces': 'name', '/sessions': 'id' };

export async function setUp(t: Test, admin: Rest, space: string, somebody: Person): Promise<OwnStage> {
  const cleanUp = (path: string, text: string) => {
    const from = path === '/sessions/{id}/remix' ? '/sessions' : path;
    const field = CLEANED[from];
    if (field !== undefined) {
      const name = String((JSON.parse(text) as Readonly<Record<string, unknown>>)[field]);
      t.teardown(() => admin.call('DELETE', `${from}/${name}`));
    }
  };
  const made: Stage['made'] = async (path, body) => {
    const answer = await admin.call('POST', path, body);
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    cleanUp(path, JSON.stringify(answer.body));
    return answer.body as Readonly<Record<string, unknown>>;
  };
  const archive = new Uint8Array(await archiveOf([main]));
  const agent = String((await made(`/spaces/${space}/agents`, { name: unique('agent') })).name);
  expect(await admin.send('PUT', `/spaces/${space}/agents/${agent}/source`, archive, 'application/gzip'), 201, 'upload');
  expect(await admin.call('POST', `/spaces/${space}/agents/${agent}/deploy`), 200, 'deploy');
  const { id } = await admin.latestBuild(space);
  const [first] = await admin.nodes();
  if (first === undefined) throw new Error('the suite needs a server with a node');
  return { admin, somebody, space, agent, build: id, node: first.name, archive, unique, made, cleanUp };
}

export interface Asked extends Call {
  readonly requestId?: string;
  readonly text?: { readonly body: string; readonly mediaType: string };
}

export async function ask(url: string, { method, path, body: taken }: Operation, token: string | undefined, call: Asked): Promise<Got> {
  const { place = {}, query, body, raw, text, requestId } = call;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(place[name] ?? ''));
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  if (requestId !== undefined) headers['x-request-id'] = requestId;
  const sent = text?.body ?? raw ?? (body === undefined ? undefined : JSON.stringify(body));
  if (sent !== undefined) headers['content-type'] = text?.mediaType ?? taken?.mediaType ?? 'application/json';
  const response = await fetch(`${url}/api/v0${filled}${query === undefined ? '' : `?${query}`}`, {
    ...{ method, headers },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const got = { status: response.status, headers: Object.fromEntries(response.headers) };
  if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) return { ...got, text: await response.text() };
  await response.body?.cancel();
  return { ...got, text: '' };
}
