import fc from 'fast-check';
import t from 'tap';
import { walk } from '../../../sdk/pages.ts';
import { RaworcError } from '../../../sdk/raworc.ts';
import { fakeServer } from '../cli/world.ts';
import { answered, cut, half, inTurn, jwt, proxyPage, refusal, SdkWorld } from './world.ts';

const ID = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0001';
const session = { id: ID, state: 'idle' };
const GET = `GET /sessions/${ID}`;

t.test('safe requests are retried, with growing delays or those that the server requests', async (t) => {
  const server = await fakeServer(t, {
    [GET]: inTurn(cut, half, proxyPage(503), refusal(429, 'RATE_LIMITED', { 'retry-after': '7' }), answered(200, session)),
  });
  const world = new SdkWorld();
  t.same(await world.client(server.url).sessions.get(ID), session);
  t.equal(server.asked.length, 5);
  t.same(world.waitedMs, [125, 250, 500, 7125]);
});

t.test('permanent refusals are not retried', async (t) => {
  for (const answer of [refusal(404, 'NOT_FOUND'), refusal(409, 'CONFLICT'), refusal(500, 'INTERNAL_ERROR'), refusal(503, 'UNAVAILABLE')]) {
    const server = await fakeServer(t, { [GET]: answer });
    await t.rejects(new SdkWorld().client(server.url).sessions.get(ID), { name: 'RaworcError', message: /^It is/, requestId: 'r-1' });
    t.equal(server.asked.length, 1);
  }
});

t.test('a POST without an idempotency key is retried only if the server did not process it', async (t) => {
  const path = `POST /sessions/${ID}/pause`;
  const lost = await fakeServer(t, { [path]: inTurn(cut, answered(200, session)) });
  await t.rejects(new SdkWorld().client(lost.url).sessions.pause(ID), { name: 'Unreachable', message: /does not respond/ });
  t.equal(lost.asked.length, 1);
  const busy = await fakeServer(t, { [path]: inTurn(refusal(429, 'RATE_LIMITED', { 'retry-after': '1' }), answered(200, session)) });
  t.match(await new SdkWorld().client(busy.url).sessions.pause(ID), session);
});

t.test('each create has its own key, and keeps it over retries', async (t) => {
  const server = await fakeServer(t, { 'POST /sessions': inTurn(cut, half, answered(201, session)) });
  const raworc = new SdkWorld().client(server.url);
  await raworc.sessions.create({ space: 'lab' }, { wait: '30s' });
  await raworc.sessions.create();
  await raworc.sessions.create({}, { idempotencyKey: 'mine' });
  t.same(
    server.asked.map(({ headers }) => headers['idempotency-key']),
    ['key-1', 'key-1', 'key-1', 'key-2', 'mine'],
  );
  t.match(server.asked[0], { path: '/sessions?wait=30s', json: { space: 'lab' } });
});

t.test('a DELETE whose answer was lost succeeds, even if the retry finds nothing', async (t) => {
  const path = `DELETE /sessions/${ID}`;
  const lost = await fakeServer(t, { [path]: inTurn(cut, refusal(404, 'NOT_FOUND')) });
  t.equal(await new SdkWorld().client(lost.url).sessions.delete(ID), undefined);
  const never = await fakeServer(t, { [path]: refusal(404, 'NOT_FOUND') });
  await t.rejects(new SdkWorld().client(never.url).sessions.delete(ID), { name: 'RaworcError', status: 404 });
});

t.test('it gives up after a number of attempts, after a time, and when aborted', async (t) => {
  const server = await fakeServer(t, { [GET]: cut, 'GET /nodes': refusal(429, 'RATE_LIMITED', { 'retry-after': '60' }) });
  await t.rejects(new SdkWorld().client(server.url, { retry: { tries: 4 } }).sessions.get(ID), { name: 'Unreachable' });
  t.equal(server.asked.length, 4);
  const world = new SdkWorld();
  await t.rejects(world.client(server.url).nodes.list(), { name: 'RaworcError', status: 429, retryAfterS: 60 });
  t.same(world.waitedMs, [], 'longer than it would try');
  await t.rejects(world.client(server.url, { retry: { totalMs: 2_000 } }).sessions.get(ID), { name: 'Unreachable' });
  t.same(world.waitedMs, [125, 250, 500, 1000]);
  const leaving = new AbortController();
  const waiting = new SdkWorld();
  const left = waiting.client(server.url, { environment: { ...waiting.environment, after: () => () => leaving } });
  const asked = left.sessions.get(ID, { signal: leaving.signal });
  leaving.abort(new Error('enough'));
  await t.rejects(asked, { message: 'enough' });
});

t.test(
  'a client with a password logs in once for all waiting requests, again when refused, and renews before the token expires',
  async (t) => {
    const world = new SdkWorld();
    // The server's clock is an hour behind, which makes no difference.
    const at = () => world.nowMs / 1000 - 3600;
    let logins = 0;
    let good = '';
    const given = (name: string) => {
      good = jwt(at(), at() + 86_400, name);
      return { body: { token: good, token_type: 'Bearer', expires_at: '' } };
    };
    const server = await fakeServer(t, {
      'POST /auth/login': (response, asked) => answered(200, given(`login-${++logins}`).body)(response, asked),
      'POST /auth/refresh': (response, asked) => answered(200, given('refreshed').body)(response, asked),
      [GET]: (response, asked) =>
        (asked.headers.authorization === `Bearer ${good}` ? answered(200, session) : refusal(401, 'UNAUTHORIZED'))(response, asked),
    });
    const raworc = world.client(server.url, { login: { user: 'ada', pass: 'secret' } });
    await Promise.all([raworc.sessions.get(ID), raworc.sessions.get(ID)]);
    t.equal(logins, 1);
    t.same(server.asked[0]?.json, { user: 'ada', pass: 'secret' });
    good = 'revoked';
    await Promise.all([raworc.sessions.get(ID), raworc.sessions.get(ID)]);
    t.equal(logins, 2);
    world.nowMs += 86_400_000 - 60_000;
    await raworc.sessions.get(ID);
    t.equal(server.requests().filter((request) => request === 'POST /auth/refresh').length, 1, 'without waiting for it');
    await raworc.sessions.get(ID);
    world.nowMs += 86_400_000;
    await raworc.sessions.get(ID);
    t.equal(logins, 3, 'too late to renew');
  },
);

t.test('a server other than Raworc is recognised', async (t) => {
  const server = await fakeServer(t, { 'GET /nodes': proxyPage(200), 'GET /spaces': proxyPage(404), 'GET /sessions': answered(200, {}) });
  const raworc = new SdkWorld().client(server.url);
  const unexpected = { name: 'RaworcError', code: 'UNEXPECTED' };
  await t.rejects(raworc.nodes.list(), unexpected);
  await t.rejects(raworc.spaces.list(), unexpected);
  await t.rejects(raworc.sessions.all().next(), unexpected);
  t.throws(() => new SdkWorld().client(server.url, { token: 'a', apiKey: 'b' }), TypeError);
});

t.test('names and parameters arrive unchanged', async (t) => {
  const server = await fakeServer(t);
  const refused = new SdkWorld().client(server.url).secrets.get('a/b ?', 'ü', { show_values: true });
  await refused.catch((error: unknown) => t.ok(error instanceof RaworcError));
  t.same(server.requests(), ['GET /spaces/a%2Fb%20%3F/secrets/%C3%BC?show_values=true']);
});

t.test('a walk over pages returns every lasting object once, whatever is created and removed meanwhile', async (t) => {
  const change = fc.oneof(fc.constant('add' as const), fc.nat(30));
  // How many items the server has room for in each page, as where items are large: two it always has.
  const rooms = fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.nat(30), fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 20 }), rooms, async (size, rounds, rooms) => {
      let made = size;
      const list = Array.from({ length: size }, (_, index) => ({ id: size - index }));
      const removed = new Set<number>();
      const turns = rounds.values();
      const found: number[] = [];
      let asked = 0;
      const read = async ({ limit, offset }: { limit: number; offset: number }) => {
        const room = Math.min(limit, rooms[asked++ % rooms.length] ?? limit);
        const isCut = list.length - offset > room && room < limit;
        const page = { items: list.slice(offset, offset + room), limit: isCut ? room : limit };
        for (const one of turns.next().value ?? []) {
          if (one === 'add') list.unshift({ id: ++made });
          else for (const gone of list.splice(one, 1)) removed.add(gone.id);
        }
        return page;
      };
      for await (const { id } of walk(read, 4)) found.push(id);
      const stayed = Array.from({ length: size }, (_, index) => size - index).filter((id) => !removed.has(id));
      if (new Set(found).size !== found.length) throw new Error(`twice: ${found}`);
      const missing = stayed.filter((id) => !found.includes(id));
      if (missing.length > 0) throw new Error(`missing ${missing} of ${found}`);
    }),
    { numRuns: 2000 },
  );
  t.pass('2,000 schedules');
});
