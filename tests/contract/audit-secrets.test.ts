/**
 * Sends secrets in every part of a request. None appears in the audit record, in the store or in
 * the export.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { space as newSpace, person, unique } from './people.ts';
import { openTarget } from './target.ts';

t.setTimeout(120_000);

t.test('the audit record and its export contain no body, token, secret value or query string', async (t) => {
  const aside = await mkdtemp(join(tmpdir(), 'raworc-audit-secrets-'));
  t.teardown(() => rm(aside, { recursive: true, force: true }));
  const auditFile = join(aside, 'audit.jsonl');
  const target = await openTarget(t, { auditFile });
  const { url, rest, own } = target;
  if (own === undefined) return;
  const planted: string[] = [];
  const secret = (what: string) => {
    const made = `planted-${what}-${randomUUID()}`;
    planted.push(made);
    return made;
  };
  // Closed with the controller at the end of this test.
  const kept = { teardown: () => undefined };
  const space = await newSpace(kept, target);
  const somebody = await person(kept, target, ['developer', space]);
  planted.push(somebody.token);
  const raw = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const { status } = await fetch(`${url}/api/v0${path}`, {
      ...{ method, headers: { authorization: `Bearer ${somebody.token}`, 'content-type': 'application/json', ...headers } },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return status;
  };

  const KEY = unique('KEY').replaceAll('-', '_');
  await rest.call('POST', `/spaces/${space}/secrets`, { key_name: KEY, value: secret('value'), description: secret('description') });
  await rest.call('PUT', `/spaces/${space}/secrets/${KEY}?show_values=true`, { value: secret('value') });
  t.match(await rest.call('GET', `/spaces/${space}/secrets/${KEY}?show_values=true`), { status: 200 });
  const session = (await somebody.rest.call('POST', '/sessions', { space, name: secret('name'), metadata: { key: secret('metadata') } }))
    .body as { id: string };
  await somebody.rest.call('POST', `/sessions/${session.id}/messages`, {
    content: secret('message'),
    metadata: { key: secret('metadata') },
  });
  const key = (await somebody.rest.call('POST', '/api-keys', { name: 'planted' })).body as { id: string; key: string };
  planted.push(key.key);
  await raw('PUT', `/sessions/${session.id}?token=${secret('query')}`, { name: secret('name') }, { authorization: `Bearer ${key.key}` });
  await rest.call('PUT', `/service-accounts/${somebody.id}`, { description: secret('description') });
  const password = secret('password');
  await rest.call('PUT', `/service-accounts/${somebody.id}/password`, { new_password: password });
  const login = (user: string, pass: string) => raw('POST', '/auth/login', { user, pass }, { authorization: '' });
  t.equal(await login(somebody.user, password), 200);
  t.equal(await login(somebody.user, secret('wrong-password')), 401);
  t.equal(await login(secret('password-as-user'), 'x'), 401);
  // People paste keys, tokens and invalid names where a path has a name.
  t.equal(await raw('DELETE', `/api-keys/${key.key}`, undefined, { authorization: `Bearer ${secret('token')}` }), 401);
  t.equal(await raw('DELETE', `/roles/${somebody.token}`, undefined, { authorization: '' }), 401);
  t.equal(await raw('GET', `/sessions?metadata.key=${secret('query')}`, undefined, { authorization: '', cookie: secret('cookie') }), 401);
  const { token } = (await rest.call('POST', '/nodes/tokens')).body as { token: string };
  planted.push(token);

  await own.close();
  const database = new Database(join(own.directory, 'controller', 'raworc.db'), { readonly: true });
  const rows = database.prepare('select * from audit').all();
  database.close();
  const lines = (await readFile(auditFile, 'utf8')).trimEnd().split('\n');
  t.equal(lines.length, rows.length, 'all of it was exported');
  t.ok(rows.length > 15);
  const [stored, exported] = [JSON.stringify(rows), lines.join('\n')];
  for (const text of planted) {
    const what = text.slice(0, 24);
    t.notOk(stored.includes(text), `${what} in the store`);
    t.notOk(exported.includes(text), `${what} in the export`);
  }
  // Proves that the search can find something.
  for (const text of [session.id, key.id, KEY, somebody.user, 'loginRefused'.slice(0, 5)])
    t.ok(stored.includes(text) && exported.includes(text), text);
});
