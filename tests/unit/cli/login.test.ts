import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { fakeServer, keyboard, world } from './world.ts';

const LOGIN = 'POST /auth/login';
const good = { body: { token: 'secret-token', token_type: 'Bearer', expires_at: '2030-01-01T00:00:00.000Z' } };

t.test('a misspelt variable is refused before anything is sent, and those of others pass', async (t) => {
  const server = await fakeServer(t, { 'GET /nodes': { body: [] } });
  const { env, run } = await world(t, server);
  env.RAWORC_ULR = 'https://staging.example.com';
  t.match(await run('node', 'list'), { code: 2, err: /no variable RAWORC_ULR\. Did you mean RAWORC_URL\?/ });
  t.match(await run('node', '--help'), { code: 0 });
  t.same(server.asked, []);
  delete env.RAWORC_ULR;
  for (const name of ['RAWORC_SESSION_ID', 'RAWORC_SPACE', 'RAWORC_AGENT_UID', 'RAWORC_DATA_DIR', 'RAWORC_SEED']) env[name] = 'x';
  t.match(await run('node', 'list'), { code: 0 });
});

t.test('the password comes from a file, standard input or the keyboard, and is never shown', async (t) => {
  const server = await fakeServer(t, { [LOGIN]: good });
  const { home, env, start } = await world(t, server);
  env.RAWORC_URL = undefined;
  env.RAWORC_TOKEN = undefined;
  await writeFile(join(home, 'password'), 'pass word \n');
  const keys = keyboard();
  keys.write('pass word \r');
  const ways = [
    start(['login', '--url', `${server.url}/`, '--password-file', join(home, 'password')]),
    start(['login', '--url', server.url, '--user', 'ada', '--password-file', '-'], Readable.from(['pass word \n'])),
    start(['login', '--url', server.url], keys),
  ];
  for (const way of ways) {
    const { code, out, err } = await way.done;
    t.equal(code, 0, err);
    t.notMatch(out + err, /pass word|secret-token/);
  }
  t.same(
    server.asked.map(({ json }) => json).toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    [
      { user: 'ada', pass: 'pass word ' },
      { user: 'admin', pass: 'pass word ' },
      { user: 'admin', pass: 'pass word ' },
    ],
  );
  const file = join(home, 'raworc', 'config.json');
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.match(JSON.parse(await readFile(file, 'utf8')), { url: server.url, token: 'secret-token' });
});

t.test('a saved token is used with its server and sent to no other', async (t) => {
  const server = await fakeServer(t, { [LOGIN]: good, 'GET /nodes': { body: [] } });
  const other = await fakeServer(t, { 'GET /nodes': { body: [] } });
  const { env, start, run } = await world(t, server);
  env.RAWORC_TOKEN = undefined;
  await start(['login', '--password-file', '-'], Readable.from(['x'])).done;
  env.RAWORC_URL = undefined;
  t.equal((await run('node', 'list')).code, 0);
  t.equal(server.asked.at(-1)?.headers.authorization, 'Bearer secret-token');
  env.RAWORC_URL = other.url;
  await run('node', 'list');
  t.equal(other.asked.at(-1)?.headers.authorization, undefined);
  env.RAWORC_TOKEN = 'given';
  await run('node', 'list');
  t.equal(other.asked.at(-1)?.headers.authorization, 'Bearer given');
});

t.test('an error is one line with what to do, and nothing is saved', async (t) => {
  const server = await fakeServer(t, {
    [LOGIN]: { status: 401, body: { error: { code: 'UNAUTHORIZED', message: 'Wrong user or password' } } },
  });
  const { home, env, start, run } = await world(t, server);
  const wrong = await start(['login', '--password-file', '-'], Readable.from(['x'])).done;
  const noTerminal = await run('login');
  const noFile = await run('login', '--password-file', join(home, 'none'));
  const noServer = await run('login', '--url', 'ftp://host', '--password-file', '-');
  const inUrl = await run('login', '--url', 'http://admin:hunter2@127.0.0.1', '--password-file', '-');
  const unknown = await run('frobnicate');
  for (const [ran, expected, code] of [
    [wrong, /Wrong user or password/, 4],
    [noTerminal, /--password-file/, 1],
    [noFile, /Cannot read the password file/, 1],
    [noServer, /not the address of a server/, 1],
    [inUrl, /cannot contain a user and password/, 1],
    [unknown, /unknown command/, 2],
  ] as const) {
    t.equal(ran.code, code);
    t.match(ran.err, expected);
    t.equal(ran.err.trim().split('\n').length, 1, ran.err);
    t.notMatch(ran.err, /hunter2/);
  }
  await t.rejects(stat(join(home, 'raworc', 'config.json')));
  env.RAWORC_TOKEN = undefined;
  env.RAWORC_URL = 'http://127.0.0.1:1';
  t.match(await run('node', 'list'), { code: 3, err: /does not respond \(.*\)\. Check that Raworc is running/ });
});

t.test('an expired login says so', async (t) => {
  const refused = { status: 401, body: { error: { code: 'UNAUTHORIZED', message: 'jwt expired' } } };
  const server = await fakeServer(t, { 'GET /nodes': refused });
  const { env, run } = await world(t, server);
  t.match(await run('node', 'list'), { code: 4, err: /no longer valid.*raworc login --url http/ });
  env.RAWORC_TOKEN = '';
  t.match(await run('node', 'list'), { code: 4, err: /not logged in/ });
});
