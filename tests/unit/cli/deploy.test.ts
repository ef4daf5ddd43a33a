import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import tar from 'tar-stream';
import { packDirectory } from '../../../cli/archive.ts';
import { ignoreRules } from '../../../cli/ignore.ts';
import { testDirectory } from '../../test-directory.ts';
import { type Asked, fakeServer, frame, send, stream, world } from './world.ts';

async function directory(t: Test, files: Record<string, string>): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'raworc-agent-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const root = join(parent, 'my-agent');
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

async function contents(bytes: Uint8Array): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of Readable.from([gunzipSync(bytes)]).pipe(tar.extract())) {
    const { name, type, mode = 0, linkname, mtime } = entry.header;
    if (mtime?.getTime() !== 0) throw new Error(`${name} carries a time`);
    const content = await text(entry);
    found[name] = type === 'symlink' ? `-> ${linkname}` : type === 'directory' ? '/' : `${mode.toString(8)} ${content}`;
  }
  return found;
}

const agent = { name: 'my-agent', space: 'default', status: 'building' };
const source = { digest: 'sha256:0', size_bytes: 1, files: 1, runtime: 'python', handler: 'main.process_message' };
const build = (status: string, more: object = {}) => ({ id: 'b1', space: 'default', status, image_tag: null, error: null, ...more });
const AGENTS = '/spaces/default/agents';

function routes(latest: object, ...events: string[]) {
  return {
    [`POST ${AGENTS}`]: { status: 201, body: agent },
    [`PUT ${AGENTS}/my-agent/source`]: { status: 201, body: source },
    [`POST ${AGENTS}/my-agent/deploy`]: { body: agent },
    'GET /spaces/default/build/latest': { body: latest },
    'GET /events': stream(...events),
  };
}

t.test('a directory is packed reproducibly, without ignored files', async (t) => {
  const root = await directory(t, {
    'main.py': 'x',
    'bin/tool': 'y',
    'node_modules/dep/index.js': 'z',
    '.git/config': 'no',
    'lib/__pycache__/a.pyc': 'no',
    'secret.env': 'no',
    'data/a.csv': 'no',
    'data/keep/b.csv': 'no',
    '.raworcignore': '# left out\n*.env\n/data/\n',
  });
  await chmod(join(root, 'bin/tool'), 0o700);
  await symlink('main.py', join(root, 'link.py'));
  const first = await packDirectory(root);
  await utimes(join(root, 'main.py'), 1, 1);
  const second = await packDirectory(root);
  t.same(Buffer.from(second.bytes), Buffer.from(first.bytes));
  t.equal(first.files, 2);
  t.same(await contents(first.bytes), {
    bin: '/',
    'bin/tool': '755 y',
    lib: '/',
    'link.py': '-> main.py',
    'main.py': '644 x',
  });
});

t.test('files that work only on this machine are left out with a note, and can be included', async (t) => {
  const files = {
    'main.py': 'x',
    '.venv/pyvenv.cfg': 'home = /usr/bin',
    'lib/my-env/pyvenv.cfg': 'home = /usr/bin',
    'lib/__pycache__/a.pyc': 'no',
    '__pycache__/b.pyc': 'no',
    '.tox/x': 'no',
    '.mypy_cache/x': 'no',
    '.DS_Store': 'no',
    'target/.rustc_info.json': '{}',
    'docs/target/page.md': 'x',
    venv: 'a file of that name',
  };
  const root = await directory(t, files);
  await mkdir(join(root, '.venv/bin'));
  await symlink('/usr/bin/python3', join(root, '.venv/bin/python'));
  const packed = await packDirectory(root);
  t.same(Object.keys(await contents(packed.bytes)), ['docs', 'docs/target', 'docs/target/page.md', 'lib', 'main.py', 'venv']);
  t.same(packed.leftOut, ['.DS_Store', '.mypy_cache', '.tox', '.venv', '__pycache__', 'my-env', 'target']);
  const asked = await packDirectory(root, ['.tox/', 'target']);
  t.match(await contents(asked.bytes), { '.tox/x': /no/, 'target/.rustc_info.json': /{}/ });
  t.same(asked.leftOut, ['.DS_Store', '.mypy_cache', '.venv', '__pycache__', 'my-env']);
  await writeFile(join(root, '.raworcignore'), '!.venv\n!my-env/\n*.pyc\n');
  const back = await packDirectory(root);
  t.match(await contents(back.bytes), { '.venv/bin/python': '-> /usr/bin/python3', 'lib/my-env/pyvenv.cfg': /home/ });
  t.same(back.leftOut, ['.DS_Store', '.mypy_cache', '.tox', '__pycache__', 'target']);
});

t.test('the patterns of a .raworcignore', async (t) => {
  const table: [patterns: string, path: string, leftOut: boolean, isDirectory?: boolean][] = [
    ['*.log', 'a.log', true],
    ['*.log', 'x/y/a.log', true],
    ['*.log', 'a.log.txt', false],
    ['/a.log', 'x/a.log', false],
    ['x/a.log', 'x/a.log', true],
    ['x/a.log', 'y/x/a.log', false],
    ['build/', 'build', true, true],
    ['build/', 'build', false],
    ['**/tmp', 'a/b/tmp', true],
    ['**/tmp', 'tmp', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a', false, true],
    ['a/**/c', 'a/c', true],
    ['a/**/c', 'a/x/y/c', true],
    ['?.js', 'a.js', true],
    ['?.js', 'ab.js', false],
    ['[ab].js', 'b.js', true],
    ['[!ab].js', 'b.js', false],
    ['[a-c].js', 'b.js', true],
    ['*.log\n!keep.log', 'keep.log', false],
    ['!keep.log\n*.log', 'keep.log', true],
    ['a+b(c)', 'a+b(c)', true],
    ['\\#file', '#file', true],
    ['# *', 'anything', false],
    ['*', '.hidden', true],
    ['a[b', 'a[b', false],
    ['', 'sub/.raworcignore', false],
    ['', '.raworcignore', true],
    ['', 'sub/.git', true, true],
    ['', '.venv', true, true],
    ['', 'venv', true, true],
    ['', 'venv', false],
    ['', 'node_modules', true, true],
    ['!.venv', '.venv', false, true],
    ['!__pycache__/', 'a/__pycache__', false, true],
    ['!.venv\n.venv', '.venv', true, true],
  ];
  for (const [patterns, path, leftOut, isDirectory = false] of table) {
    t.equal(
      ['usual', 'named'].includes(ignoreRules(patterns)(path, isDirectory) ?? ''),
      leftOut,
      `${JSON.stringify(patterns)} and ${path}`,
    );
  }
});

t.test('deploy: creates the agent, uploads, builds, and follows the build to its end', async (t) => {
  const root = await directory(t, { 'main.py': 'def process_message(m, c): return m' });
  const server = await fakeServer(
    t,
    routes(
      build('pending'),
      frame('build.state', { build: { ...build('completed'), id: 'other' } }, 'e1-1'),
      frame('build.state', { build: build('building') }, 'e1-2'),
      frame('build.state', { build: build('completed', { image_tag: 'raworc_space_default:b1' }) }, 'e1-3'),
    ),
  );
  const { run } = await world(t, server);
  const { code, out, err } = await run('agent', 'deploy', root);
  t.equal(code, 0, err);
  t.match(out, /my-agent is deployed/);
  for (const line of [
    /✓ Packed .*: 1 file, \d+ B {2}\d+ ms/,
    /✓ Agent my-agent .*: created/,
    /✓ Uploaded: python, main\.process_message/,
    /✓ Build b1: raworc_space_default:b1/,
  ])
    t.match(err, line);
  t.same(server.requests(), [
    `POST ${AGENTS}`,
    `PUT ${AGENTS}/my-agent/source`,
    'GET /events',
    `POST ${AGENTS}/my-agent/deploy`,
    'GET /spaces/default/build/latest',
    'GET /spaces/default/build/b1/logs',
  ]);
  t.same(server.asked[0]?.json, { name: basename(root) });
  t.equal(server.asked[1]?.headers['content-type'], 'application/gzip');
  t.same(Object.keys(await contents(server.asked[1]?.body ?? Buffer.alloc(0))), ['main.py']);
});

t.test('deploy prints what the build warns of, and the space of new sessions', async (t) => {
  const root = await directory(t, { 'main.py': '', Dockerfile: 'FROM raworc/session\n' });
  const line = (stage: string | null, text: string) => ({ timestamp: '2026-01-01T00:00:00.000Z', stage, line: text });
  const logs = [
    line('fetch', 'a: 2 files, no dependencies'),
    line('fetch', `Warning: ${basename(root)}: its Dockerfile is not used.`),
    line('fetch', 'Warning: other: its Dockerfile is not used either.'),
    line('install', 'Warning: of a program'),
  ];
  const inLab = Object.entries({
    ...routes(build('completed', { space: 'lab' })),
    'GET /spaces/default/build/b1/logs': { body: { logs } },
  });
  const server = await fakeServer(t, Object.fromEntries(inLab.map(([route, answer]) => [route.replace('/default/', '/lab/'), answer])));
  const { run } = await world(t, server);
  const { out, err } = await run('agent', 'deploy', root, '--space', 'lab');
  t.match(out, /`raworc session new --space lab`/);
  t.match(err, /! its Dockerfile is not used\./);
  t.notMatch(err, /of a program|either|no dependencies/);
});

t.test('each stage of a build is a line with its time, once, and a failure names its stage', async (t) => {
  const root = await directory(t, { 'main.py': '' });
  const stage = (name: string, status: string, duration_ms: number | null = null) => ({ name, status, duration_ms });
  const [fetch, install] = [stage('fetch', 'completed', 12), stage('install', 'completed', 36_800)];
  const states = [
    build('building', { stages: [stage('fetch', 'running')] }),
    build('building', { stages: [fetch, stage('install', 'running')] }),
    build('building', { stages: [fetch, install, stage('check', 'running')] }),
    build('failed', { stages: [fetch, install, stage('check', 'failed', 900)], error: 'The build failed: main.py, line 3.' }),
  ];
  const server = await fakeServer(t, {
    ...routes(build('pending'), ...states.map((state, at) => frame('build.state', { build: state }, `e${at}`))),
    [`DELETE ${AGENTS}/my-agent`]: { status: 204 },
  });
  const { run } = await world(t, server);
  const { code, err } = await run('agent', 'deploy', root);
  t.equal(code, 1);
  const lines = err.split('\n').map((line) => line.trimEnd());
  t.strictSame(
    lines.filter((line) => line.startsWith('  ')),
    ['  ✓ fetch   12 ms', '  ✓ install 36.8 s', '  ✗ check   900 ms'],
  );
  t.match(err, /The build failed at check after 900 ms: main\.py, line 3\./);
});

t.test('deploy again, under a name, in a space; the build is already done', async (t) => {
  const root = await directory(t, { 'raworc.json': '{}' });
  const space = '/spaces/lab%20one';
  const server = await fakeServer(t, {
    [`POST ${space}/agents`]: { status: 409, body: { error: { code: 'CONFLICT', message: 'There is one' } } },
    [`PUT ${space}/agents/bob/source`]: { status: 201, body: source },
    [`POST ${space}/agents/bob/deploy`]: { body: agent },
    [`GET ${space}/build/latest`]: { body: build('completed') },
    'GET /events': stream(),
  });
  const { run } = await world(t, server);
  t.match(await run('agent', 'deploy', root, '--space', 'lab one', '--name', 'bob'), { code: 0, err: /: exists/ });
});

t.test('if the stream breaks during the build, the build is read over REST', async (t) => {
  const root = await directory(t, { 'main.py': '' });
  const server = await fakeServer(t, {
    ...routes(build('pending')),
    'GET /spaces/default/build/b1': { body: build('failed', { error: 'disk full' }) },
    [`DELETE ${AGENTS}/my-agent`]: { status: 204 },
  });
  let opened = 0;
  server.routes['GET /events'] = (response: ServerResponse, asked: Asked) => {
    opened += 1;
    stream()(response, asked);
    if (opened === 1) response.end();
  };
  const { run } = await world(t, server);
  t.match(await run('agent', 'deploy', root), { code: 1, err: /✗ Build b1.*\n.*The build failed: disk full/ });
});

/** Timers of the command line that a test runs by hand: the soonest first. */
function handTimers() {
  const timers = new Set<{ ms: number; run: () => void }>();
  let asked = () => {};
  return {
    after(ms: number, run: () => void) {
      const timer = { ms, run };
      timers.add(timer);
      asked();
      return () => void timers.delete(timer);
    },
    /** Runs the one of so many milliseconds, once there is one. */
    async run(ms: number) {
      for (;;) {
        const timer = [...timers].find((one) => one.ms === ms);
        if (timer !== undefined) {
          timers.delete(timer);
          return timer.run();
        }
        await new Promise<void>((resolve) => {
          asked = resolve;
        });
      }
    },
    get left() {
      return timers.size;
    },
  };
}

t.test('a build without events is checked every ten seconds', async (t) => {
  const root = await directory(t, { 'main.py': '' });
  for (const events of ['silent', 'refused']) {
    const server = await fakeServer(t, { ...routes(build('pending')) });
    const refusal = { status: 403, body: { error: { code: 'FORBIDDEN', message: 'no' } } };
    if (events === 'refused') server.routes['GET /events'] = refusal;
    let looks = 0;
    server.routes['GET /spaces/default/build/b1'] = (response) => {
      looks += 1;
      send(response, 200, looks < 3 ? build('building') : build('completed', { image_tag: 'done' }));
    };
    const timers = handTimers();
    const { start } = await world(t, server, timers);
    const { done } = start(['agent', 'deploy', root]);
    await timers.run(1_000);
    for (let look = 0; look < 2; look += 1) await timers.run(10_000);
    t.match(await done, { code: 0, err: /✓ Build b1: done/ }, events);
    t.equal(looks, 3);
    t.equal(timers.left, 0);
  }
});

t.test('waiting for a build times out, and says what to do', async (t) => {
  const root = await directory(t, { 'main.py': '' });
  const server = await fakeServer(t, routes(build('building')));
  const timers = handTimers();
  const { start } = await world(t, server, timers);
  const { done } = start(['agent', 'deploy', root, '--timeout', '2']);
  await timers.run(120_000);
  t.match(await done, { code: 1, err: /Build b1 is still building after 2 min 0 s and continues\. Check .*--timeout/ });
});

t.test('an invalid agent is refused locally; refusals of the server are shown in its words', async (t) => {
  const server = await fakeServer(t, {
    ...routes(build('pending')),
    [`PUT ${AGENTS}/my-agent/source`]: {
      status: 422,
      body: { error: { code: 'UNPROCESSABLE_ENTITY', message: 'raworc.json: runtime must be python' } },
    },
  });
  const { run } = await world(t, server);
  const empty = await directory(t, { 'readme.txt': '' });
  const broken = await directory(t, { 'raworc.json': '{' });
  t.match(await run('agent', 'deploy', join(empty, 'none')), { code: 1, err: /is not a directory/ });
  t.match(await run('agent', 'deploy', empty), { code: 1, err: /contains no agent/ });
  t.match(await run('agent', 'deploy', broken), { code: 1, err: /Cannot read raworc\.json/ });
  t.same(server.requests(), []);
  const refused = await directory(t, { 'raworc.json': '{}' });
  t.match(await run('agent', 'deploy', refused), { code: 1, err: /runtime must be python/ });
});

t.test('a refused first deploy leaves no agent; a later one leaves the agent unchanged', async (t) => {
  const server = await fakeServer(t, {
    ...routes(build('pending')),
    [`PUT ${AGENTS}/my-agent/source`]: { status: 422, body: { error: { code: 'UNPROCESSABLE_ENTITY', message: 'no good' } } },
    [`DELETE ${AGENTS}/my-agent`]: { status: 204 },
  });
  const { run } = await world(t, server);
  const root = await directory(t, { 'main.py': '', '.venv/x': '' });
  t.match(await run('agent', 'deploy', root), { code: 1, err: /without \.venv {2}[\s\S]*no good/ });
  const upload = [`POST ${AGENTS}`, `PUT ${AGENTS}/my-agent/source`];
  t.same(server.requests(), [...upload, `DELETE ${AGENTS}/my-agent`]);

  server.routes[`DELETE ${AGENTS}/my-agent`] = { status: 403, body: { error: { code: 'FORBIDDEN', message: 'You lack agents:delete.' } } };
  t.match(await run('agent', 'deploy', root), {
    code: 1,
    err: /created by this deploy and could not be deleted: You lack agents:delete\.[\s\S]*no good/,
  });

  server.routes[`POST ${AGENTS}`] = { status: 409, body: { error: { code: 'CONFLICT', message: 'There is one' } } };
  const before = server.requests().length;
  t.match(await run('agent', 'deploy', root), { code: 1, err: /no good/ });
  t.same(server.requests().slice(before), upload);
});

t.test('a first deploy whose build fails leaves no agent, so that others can be built', async (t) => {
  const server = await fakeServer(t, {
    ...routes({ ...build('failed'), error: 'The build failed: main.py, line 3.' }),
    [`DELETE ${AGENTS}/my-agent`]: { status: 204 },
  });
  const { run } = await world(t, server);
  const root = await directory(t, { 'main.py': '' });
  const answer = await run('agent', 'deploy', root);
  t.match(answer, { code: 1, err: /The build failed: main\.py, line 3\./ });
  t.notMatch(answer.err, /failed.*failed/, 'said once');
  t.equal(server.requests().at(-1), `DELETE ${AGENTS}/my-agent`);
  server.routes[`POST ${AGENTS}`] = { status: 409, body: { error: { code: 'CONFLICT', message: 'There is one' } } };
  const before = server.requests().length;
  t.match(await run('agent', 'deploy', root), { code: 1, err: /line 3/ });
  t.notOk(server.requests().slice(before).includes(`DELETE ${AGENTS}/my-agent`), 'one that was there stays');
});

t.test('the launcher passes arguments, input, output and the exit code, on the Node.js of the project', async (t) => {
  const server = await fakeServer(t, { 'GET /nodes': { body: [] } });
  const launcher = new URL('../../../cli/raworc.mjs', import.meta.url).pathname;
  const env = { PATH: process.env.PATH, HOME: testDirectory(t, {}), RAWORC_URL: server.url, RAWORC_TOKEN: 'x' };
  const run = promisify(execFile);
  t.match(await run(process.execPath, [launcher, 'node', 'list', '--json'], { env }), { stdout: '[]\n' });
  await t.rejects(run(process.execPath, [launcher, 'session', 'list'], { env }), { code: 1, stderr: /^raworc: nothing at/ });
});

t.test('a deploy says at once that the server does not respond, while it retries', async (t) => {
  const root = await directory(t, { 'main.py': '' });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
  await once(server, 'close');
  const { start } = await world(t, { url: `http://127.0.0.1:${port}` });
  const { done, leave, err, printed } = start(['agent', 'deploy', root]);
  while (!/does not respond/.test(err.join(''))) await printed();
  leave.abort();
  const { err: all } = await done;
  t.match(all, /^http:\S+ does not respond \(ECONNREFUSED\); retrying for up to 30 s$/m);
});
