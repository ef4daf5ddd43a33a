/** What chance would hardly come to: limits that are reached, names that are taken, a node that is lost. */
import { z } from 'zod';
import { type Got, parsed } from '../contract/judge.ts';
import { type CallerName, FOREIGN_SPACE, OWN_SPACE } from './callers.ts';
import { PASSWORD } from './constants.ts';
import { everyFault } from './every-fault.ts';
import type { Fuzz } from './fuzz.ts';

const OWN = { name: OWN_SPACE };
const GIB = 2 ** 30;
const MIB = 2 ** 20;
const idOf = ({ text }: Got) => z.object({ id: z.string() }).parse(parsed(text)).id;

/** One after another, before anything is left to chance. */
export async function directed(fuzz: Fuzz): Promise<void> {
  await furnish(fuzz);
  await everyFault(fuzz);
  await backInService(fuzz);
  await repeated(fuzz);
  await plain(fuzz);
  await left(fuzz);
  await accounts(fuzz);
  await guessing(fuzz);
  await limits(fuzz);
  await fullOfBytes(fuzz);
  await closedSpace(fuzz);
  await fullNodes(fuzz);
  await orphans(fuzz);
  await lostNode(fuzz);
}

/** What came before cordoned and drained nodes. */
async function backInService(fuzz: Fuzz): Promise<void> {
  for (const id of ['first', 'second']) {
    await fuzz.ask('POST /nodes/{id}/drain', { id }, { deadline_s: 0 });
    await fuzz.ask('GET /nodes/{id}/drain', { id }, undefined);
    await fuzz.ask('DELETE /nodes/{id}/drain', { id }, undefined);
  }
  const labels = (from: number, value: string | null) =>
    Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`fz-${from + at}`, value]));
  for (const [from, value] of [
    [0, ''],
    [64, ''],
    [0, null],
  ] as const)
    await fuzz.ask('PATCH /nodes/{id}', { id: 'first' }, { labels: labels(from, value) });
}

/** One of everything in the space of the callers. */
async function furnish(fuzz: Fuzz): Promise<void> {
  await fuzz.ask('POST /service-accounts', {}, { user: 'fz-somebody', pass: PASSWORD });
  await fuzz.ask('POST /roles', {}, { name: 'fz-role', rules: [] });
  await fuzz.ask('POST /role-bindings', {}, { role_name: 'fz-role', principal: 'fz-somebody' });
  await fuzz.ask('POST /api-keys', {}, { name: 'of the admin' });
  await fuzz.ask('POST /spaces', {}, { name: 'fz-space' });
  await fuzz.ask('POST /spaces/{name}/secrets', OWN, { key_name: 'A_SECRET', value: 'hidden' });
  await fuzz.ask('POST /spaces/{name}/secrets', OWN, { key_name: 'A_SECRET', value: 'hidden' });
  await fuzz.ask('POST /spaces/{name}/agents', OWN, { name: 'fz-agent' });
  const agent = { ...OWN, agent: 'fz-agent' };
  await fuzz.ask('POST /spaces/{name}/agents/{agent}/deploy', agent, undefined);
  await fuzz.ask('PUT /spaces/{name}/agents/{agent}/source', agent, undefined, {
    raw: { body: fuzz.archive('good'), mediaType: 'application/gzip' },
  });
  await fuzz.ask('PUT /spaces/{name}/agents/{agent}/source', agent, undefined, {
    raw: { body: Buffer.alloc(65 * 2 ** 20), mediaType: 'application/gzip' },
  });
  await fuzz.ask('POST /spaces/{name}/agents/{agent}/deploy', agent, undefined);
  await fuzz.ask('POST /spaces/{name}/build', OWN, { force: true });
  await fuzz.target.buildEnds(OWN_SPACE);
  await fuzz.ask('GET /spaces/{name}/builds', OWN, undefined, { query: 'status=completed' });
  const session = { id: idOf(await fuzz.ask('POST /sessions', {}, { space: OWN_SPACE })) };
  const said = await fuzz.ask('POST /sessions/{id}/messages', session, { content: 'hello' }, { query: 'wait=2s' });
  const message = z.object({ id: z.string(), reply: z.object({ id: z.string() }).optional() }).parse(parsed(said.text));
  for (const id of [message.id, message.reply?.id ?? ''])
    await fuzz.ask('POST /sessions/{id}/messages/{message_id}/cancel', { ...session, message_id: id }, {});
  for (const body of [{ command: 'ls' }, { argv: ['nowhere'] }, { command: 'forever', timeout_ms: 50 }, { command: 'ls', argv: ['ls'] }])
    await fuzz.ask('POST /sessions/{id}/exec', session, body);
  for (const body of [{ argv: ['cat'] }, { pty: { cols: 80, rows: 24 } }, { command: 'ls', argv: ['ls'] }])
    await fuzz.ask('POST /sessions/{id}/processes', session, body);
  await fuzz.ask('GET /sessions/{id}/processes', session, undefined);
  for (const process_id of ['1', '2', '3', '-1', 'x']) {
    const process = { ...session, process_id };
    await fuzz.ask('GET /sessions/{id}/processes/{process_id}', process, undefined);
    await fuzz.ask('GET /sessions/{id}/processes/{process_id}/attach', process, undefined, { query: 'offset=0' });
    await fuzz.ask('POST /sessions/{id}/processes/{process_id}/resize', process, { cols: 80, rows: 24 });
    await fuzz.ask('POST /sessions/{id}/processes/{process_id}/close-stdin', process, {});
    await fuzz.ask('POST /sessions/{id}/processes/{process_id}/signal', process, { signal: 'KILL' });
    await fuzz.ask('DELETE /sessions/{id}/processes/{process_id}', process, undefined);
  }
  for (const port of ['80', '0', 'x', '65536']) {
    await fuzz.ask('GET /sessions/{id}/ports/{port}', { ...session, port }, undefined);
    for (const body of [{}, { public: true, expires_in_s: 10 }, { path: '//x' }])
      await fuzz.ask('POST /sessions/{id}/ports/{port}/share', { ...session, port }, body);
    await fuzz.ask('DELETE /sessions/{id}/ports/{port}/share', { ...session, port }, undefined);
  }
  await fuzz.ask('GET /sessions/{id}/ports', session, undefined);
  for (const named of [session.id, 'nowhere', '']) await fuzz.ask('POST /tickets', {}, { for: 'attach', session: named });
  await fuzz.ask('PUT /sessions/{id}/files', session, undefined, {
    query: 'path=a/b&parents',
    raw: { body: Buffer.from('content'), mediaType: 'application/octet-stream' },
  });
  for (const [query, headers] of [
    ['path=a/b', { 'if-none-match': '*' }],
    ['path=none/b/c', {}],
    ['path=a', {}],
    ['path=a/b&mode=9', {}],
  ] as const)
    await fuzz.ask('PUT /sessions/{id}/files', session, undefined, {
      ...{ query, headers },
      raw: { body: Buffer.from('x'), mediaType: 'application/octet-stream' },
    });
  await fuzz.ask('GET /sessions/{id}/files', session, undefined, { query: 'path=a/b', headers: { range: 'bytes=9-' } });
  for (const query of ['path=a/b', 'path=a&stat', 'path=.&list&depth=3&limit=1', 'path=none', 'path_base64=YS9i', 'path=a&archive=tar'])
    await fuzz.ask('GET /sessions/{id}/files', session, undefined, { query });
  await fuzz.ask('PATCH /sessions/{id}/files', session, { mode: '600' }, { query: 'path=a/b' });
  for (const query of ['path=c&mkdir', 'path=c&mkdir', 'path=a/b&move=c/d', 'path=c'])
    await fuzz.ask('POST /sessions/{id}/files', session, {}, { query });
  for (const query of ['path=c/d', 'path=c&recursive', 'path=none'])
    await fuzz.ask('DELETE /sessions/{id}/files', session, undefined, { query });
  for (const id of [message.id, message.reply?.id ?? ''])
    await fuzz.ask('GET /sessions/{id}/trace/{message_id}', { ...session, message_id: id }, undefined);
  await fuzz.ask('GET /spaces/{name}/agents/{agent}/logs', agent, undefined, { query: `session_id=${session.id}` });
  for (const query of ['', `session_id=${session.id}&agent=${agent.agent}&since=2026-01-01T00:00:00Z`, 'agent=nobody'])
    await fuzz.ask('GET /spaces/{name}/logs', OWN, undefined, { query });
  await fuzz.ask('POST /sessions/{id}/suspend', session, undefined);
  await fuzz.ask('GET /spaces/{name}/agents/{agent}/logs', agent, undefined, { query: `session_id=${session.id}` });
  await fuzz.ask('GET /spaces/{name}/logs', OWN, undefined, { query: `session_id=${session.id}` });
}

/** The same key again: for what is there, with another body, and after it was removed. */
async function repeated(fuzz: Fuzz): Promise<void> {
  const creates: readonly (readonly [operation: string, place: object, body: object, remove: string])[] = [
    ['POST /spaces', {}, { name: 'fz-twice' }, 'DELETE /spaces/{name}'],
    ['POST /roles', {}, { name: 'fz-twice', rules: [] }, 'DELETE /roles/{id}'],
    ['POST /role-bindings', {}, { role_name: 'viewer', principal: 'fz-somebody' }, 'DELETE /role-bindings/{id}'],
    ['POST /spaces/{name}/agents', OWN, { name: 'fz-twice' }, 'DELETE /spaces/{name}/agents/{agent}'],
    ['POST /sessions', {}, { space: OWN_SPACE }, 'DELETE /sessions/{id}'],
  ];
  for (const [operation, place, body, remove] of creates) {
    const headers = { 'idempotency-key': `again ${operation}`.replaceAll(/[^a-z]/gi, '-') };
    const made = z
      .object({ id: z.string().optional(), name: z.string().nullish() })
      .parse(parsed((await fuzz.ask(operation, { ...place }, body, { headers })).text));
    await fuzz.ask(operation, { ...place }, body, { headers });
    await fuzz.ask(operation, { ...place }, { ...body, name: 'another' }, { headers });
    if (!operation.includes('sessions')) await fuzz.ask(operation, { ...place }, body);
    const name = made.name ?? '';
    await fuzz.ask(remove, { id: made.id ?? name, name, ...place, agent: name }, undefined);
    await fuzz.ask(operation, { ...place }, body, { headers });
  }
}

/** What works or is refused every day. */
async function plain(fuzz: Fuzz): Promise<void> {
  await fuzz.ask('POST /auth/login', {}, { user: 'fz-somebody', pass: PASSWORD });
  await fuzz.ask('POST /auth/logout', {}, undefined, { as: 'nobody' });
  const account = { user: 'fz-going', pass: PASSWORD };
  for (const body of [{ ...account, space: 'nowhere' }, account, account]) await fuzz.ask('POST /service-accounts', {}, body);
  await fuzz.ask('PUT /service-accounts/{id}/password', { id: account.user }, { new_password: PASSWORD });
  await fuzz.ask('DELETE /service-accounts/{id}', { id: account.user }, undefined);
  await fuzz.ask('DELETE /api-keys/{id}', { id: idOf(await fuzz.ask('POST /api-keys', {}, { name: 'going' })) }, undefined);
  for (const list of ['GET /role-bindings', 'GET /sessions']) await fuzz.ask(list, {}, undefined, { query: 'space=nowhere' });
  await fuzz.ask('POST /spaces/{name}/secrets', OWN, { key_name: 'GOING', value: 'x' });
  await fuzz.ask('DELETE /spaces/{name}/secrets/{key}', { ...OWN, key: 'GOING' }, undefined);
  const token = { token: idOf(await fuzz.ask('POST /nodes/tokens', {}, { expires_in_s: 60 })) };
  await fuzz.ask('DELETE /nodes/tokens/{token}', token, undefined);
  const session = { id: idOf(await fuzz.ask('POST /sessions', {}, { space: OWN_SPACE })) };
  await fuzz.ask('DELETE /spaces/{name}', OWN, undefined);
  const copy = { id: idOf(await fuzz.ask('POST /sessions/{id}/remix', session, {})) };
  await fuzz.ask('DELETE /sessions/{id}/messages', session, undefined);
  for (const one of [copy, session]) await fuzz.ask('DELETE /sessions/{id}', one, undefined);
}

/** Who has lost every role in a space keeps nothing that they made there; and files do not leave their space by a copy. */
async function left(fuzz: Fuzz): Promise<void> {
  const session = { id: fuzz.callers.leftBehind };
  const copies = [{}, { data: false }, { space: FOREIGN_SPACE }, { space: FOREIGN_SPACE, data: false, messages: true }];
  const asked: readonly (readonly [as: CallerName, operation: string, body: unknown])[] = [
    ['left', 'GET /sessions/{id}', undefined],
    ['left', 'DELETE /sessions/{id}', undefined],
    ['left', 'GET /sessions/{id}/messages', undefined],
    ['left', 'POST /sessions/{id}/messages', { content: 'hello' }],
    ['left', 'POST /sessions/{id}/pause', undefined],
    ...(['left', 'foreign'] as const).flatMap((as) => copies.map((body) => [as, 'POST /sessions/{id}/remix', body] as const)),
    ...copies.slice(2).map((body) => ['developer', 'POST /sessions/{id}/remix', body] as const),
  ];
  for (const [as, operation, body] of asked) {
    const { status } = await fuzz.ask(operation, session, body, { as });
    if (status !== 404) fuzz.failures.push(`${as}: ${operation} ${JSON.stringify(body)} is ${status}, and not 404`);
  }
}

async function accounts(fuzz: Fuzz): Promise<void> {
  const self = { id: fuzz.callers.user('admin') };
  await fuzz.ask('PUT /service-accounts/{id}', self, { active: false });
  await fuzz.ask('DELETE /service-accounts/{id}', self, undefined);
  await fuzz.ask('DELETE /roles/{id}', { id: 'admin' }, undefined);
  // The root's binding goes and comes back: in between, this one is the last admin's.
  const bindings = z
    .array(z.object({ id: z.string(), principal: z.string(), role_name: z.string() }))
    .parse(parsed((await fuzz.ask('GET /role-bindings', {}, undefined, { query: 'limit=1000' })).text));
  const of = (principal: string) => ({ id: bindings.find((one) => one.principal === principal && one.role_name === 'admin')?.id ?? '' });
  await fuzz.ask('DELETE /role-bindings/{id}', of('admin'), undefined);
  await fuzz.ask('DELETE /role-bindings/{id}', of(self.id), undefined);
  await fuzz.target.giveBackRoot(await fuzz.callers.authorization('admin'));
}

/** Many at once: each counts from its start. */
async function guessing(fuzz: Fuzz): Promise<void> {
  const guesses = Array.from({ length: 10 });
  await Promise.all(guesses.map(() => fuzz.ask('POST /auth/login', {}, { user: 'fz-somebody', pass: 'wrong' }, { from: '127.201.1.1' })));
  const somebody = { id: 'fz-somebody' };
  const body = { current_password: 'wrong', new_password: PASSWORD };
  await Promise.all(guesses.map(() => fuzz.ask('PUT /service-accounts/{id}/password', somebody, body)));
}

async function limits(fuzz: Fuzz): Promise<void> {
  // Without an active agent every message would be answered at once.
  await fuzz.ask('POST /spaces/{name}/agents/{agent}/deploy', { ...OWN, agent: 'fz-agent' }, undefined);
  const session = { id: idOf(await fuzz.ask('POST /sessions', {}, { space: OWN_SPACE })) };
  await fuzz.ask('POST /sessions/{id}/suspend', session, undefined);
  await fuzz.ask('POST /sessions/{id}/exec', session, { command: 'ls', wake: false });
  await fuzz.ask('POST /sessions/{id}/processes', session, { command: 'ls', wake: false });
  await fuzz.ask('PATCH /sessions/{id}/files', session, { mode: '600' }, { query: 'path=a&wake=false' });
  await manyTimes(1001, () => fuzz.ask('POST /sessions/{id}/messages', session, { content: 'x', wake: false }));
  await fuzz.ask('DELETE /sessions/{id}', session, undefined);
  await manyTimes(1001, (n) => fuzz.ask('POST /api-keys', {}, { name: `many ${n}` }, { as: 'developer' }));
  const value = 'v'.repeat(64 * 1024);
  for (let n = 0; n < 15; n += 1) await fuzz.ask('POST /spaces/{name}/secrets', { name: 'fz-space' }, { key_name: `LARGE_${n}`, value });
  for (const key of ['ONE', 'TWO']) {
    await fuzz.ask('POST /spaces/{name}/secrets', { name: 'fz-space' }, { key_name: key, value: 'small' });
    await fuzz.ask('PUT /spaces/{name}/secrets/{key}', { name: 'fz-space', key }, { value });
  }
}

async function fullOfBytes(fuzz: Fuzz): Promise<void> {
  const name = 'fz-full-of-bytes';
  await fuzz.ask('POST /spaces', {}, { name, settings: { quotas: { storage_bytes: 8 * MIB + 20_000 } } });
  const resources = { limits: { disk_bytes: 8 * MIB } };
  const session = { id: idOf(await fuzz.ask('POST /sessions', {}, { space: name, resources })) };
  await fuzz.ask('PUT /sessions/{id}', session, { metadata: { large: 'x'.repeat(40_000) } });
  await fuzz.ask('DELETE /sessions/{id}', session, undefined);
}

async function closedSpace(fuzz: Fuzz): Promise<void> {
  const session = { id: idOf(await fuzz.ask('POST /sessions', {}, { space: OWN_SPACE })) };
  const resting = { id: idOf(await fuzz.ask('POST /sessions', {}, { space: OWN_SPACE })) };
  await fuzz.ask('POST /sessions/{id}/suspend', resting, undefined);
  await fuzz.ask('PATCH /spaces/{name}', OWN, { settings: { notes: { one: 1, two: null }, timeouts: null } });
  await fuzz.ask('PUT /spaces/{name}', OWN, { active: false });
  await fuzz.ask('POST /sessions', {}, { space: OWN_SPACE });
  await fuzz.ask('POST /sessions/{id}/messages', session, { content: 'x' });
  await fuzz.ask('POST /sessions/{id}/remix', session, {});
  await fuzz.ask('POST /sessions/{id}/resume', resting, undefined);
  await fuzz.ask('POST /sessions/{id}/pause', resting, undefined);
  await fuzz.ask('PUT /sessions/{id}/state', resting, { state: 'idle' });
  await fuzz.ask('POST /spaces/{name}/build', OWN, { force: true });
  const agent = { ...OWN, agent: 'fz-agent' };
  await fuzz.ask('POST /spaces/{name}/agents/{agent}/deploy', agent, undefined);
  await fuzz.ask('PUT /spaces/{name}/agents/{agent}/source', agent, undefined, {
    raw: { body: fuzz.archive('good'), mediaType: 'application/gzip' },
  });
  await fuzz.ask('PUT /spaces/{name}', OWN, { active: true });
}

/** Each node has 64 GiB to give. */
async function fullNodes(fuzz: Fuzz): Promise<void> {
  const asking = (gib: number) => ({ resources: { requests: { memory_bytes: gib * GIB } } });
  const resting = { id: idOf(await fuzz.ask('POST /sessions', {}, asking(40))) };
  await fuzz.ask('POST /sessions/{id}/suspend', resting, undefined);
  const large = [];
  for (let n = 0; n < 2; n += 1) large.push({ id: idOf(await fuzz.ask('POST /sessions', {}, asking(50), { query: 'wait=2s' })) });
  await fuzz.ask('POST /sessions', {}, asking(50));
  for (const name of ['POST /sessions/{id}/pause', 'POST /sessions/{id}/resume', 'POST /sessions/{id}/suspend'])
    await fuzz.ask(name, resting, undefined);
  await fuzz.ask('PUT /sessions/{id}/state', resting, { state: 'idle' });
  await fuzz.ask('POST /sessions/{id}/messages', resting, { content: 'up!' });
  for (const session of large) await fuzz.ask('POST /sessions/{id}/remix', session, {});
  for (const session of [...large, resting]) await fuzz.ask('DELETE /sessions/{id}', session, undefined);
}

async function orphans(fuzz: Fuzz): Promise<void> {
  const { pools, target } = fuzz;
  const adopt = 'POST /nodes/{id}/orphans/{session}/adopt';
  const remove = 'DELETE /nodes/{id}/orphans/{session}';
  const session = target.sharedOrphan;
  await fuzz.ask(adopt, { id: 'second', session }, undefined);
  await fuzz.ask(adopt, { id: 'first', session }, undefined);
  for (const place of pools.of('orphan').slice(0, 4)) await fuzz.ask(adopt, place, undefined);
  for (const place of pools.of('orphan').slice(4, 6)) await fuzz.ask(remove, place, undefined);
}

/** The second node is switched off, missed, and given up. In a space without a build, whose image both hold. */
async function lostNode(fuzz: Fuzz): Promise<void> {
  let session: { id: string } | undefined;
  for (let n = 0; n < 10 && session === undefined; n += 1) {
    const { id, node } = z
      .object({ id: z.string(), node: z.string().nullable() })
      .parse(parsed((await fuzz.ask('POST /sessions', {}, {}, { query: 'wait=2s' })).text));
    if (node === 'second') session = { id };
  }
  if (session === undefined) throw new Error('no session came to the second node');
  await fuzz.ask('POST /nodes/{id}/lost', { id: 'second' }, undefined);
  await fuzz.target.endSecondNode();
  const orphan = { id: 'second', session: fuzz.target.sharedOrphan };
  await fuzz.ask('GET /nodes/{id}/orphans', { id: 'second' }, undefined);
  await fuzz.ask('POST /nodes/{id}/orphans/{session}/adopt', orphan, undefined);
  await fuzz.ask('DELETE /nodes/{id}/orphans/{session}', orphan, undefined);
  await fuzz.ask('POST /nodes/{id}/lost', { id: 'second' }, undefined);
  // The node cannot say that it has removed its own.
  await fuzz.ask('DELETE /sessions/{id}', { id: orphan.session }, undefined);
  await fuzz.ask('DELETE /nodes/{id}/orphans/{session}', { ...orphan, id: 'first' }, undefined);
  for (const request of ['pause', 'suspend', 'resume', 'remix']) await fuzz.ask(`POST /sessions/{id}/${request}`, session, undefined);
  await fuzz.ask('PUT /sessions/{id}/state', session, { state: 'init' });
  await fuzz.ask('POST /sessions/{id}/messages', session, { content: 'anybody?' });
  for (const query of ['lost=false', 'lost=true']) await fuzz.ask('DELETE /nodes/{id}', { id: 'second' }, undefined, { query });
}

async function manyTimes(times: number, work: (n: number) => Promise<unknown>): Promise<void> {
  const numbers = Array.from({ length: times }, (_, n) => n);
  const worker = async () => {
    for (let n = numbers.pop(); n !== undefined; n = numbers.pop()) await work(n);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
