/** Commands in sessions, over REST and the SDK. */
import t from 'tap';
import { exitCodeOfRefusal } from '../../cli/commands/exec.ts';
import { RaworcError } from '../../sdk/errors.ts';
import { Raworc } from '../../sdk/raworc.ts';
import { world } from '../unit/cli/world.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
let id: string;

t.before(async () => {
  target = await openTarget(t);
  ({ id } = await target.rest.createSession());
});

const run = (body: object, session = id) => target.rest.call('POST', `/sessions/${session}/exec`, body);
const sdk = async () => new Raworc({ url: target.url, login: { user: 'admin', pass: target.password } });

t.test('a command answers with its output and exit code', async (t) => {
  if (!target.hollow) return t.comment('the pretended guest prints its command');
  t.match(await run({ command: 'exit 3', stdin: 'typed' }), {
    status: 200,
    body: { exit_code: 3, signal: null, timed_out: false, stdout: 'ran exit 3 ', stderr: 'typed', truncated: false, duration_ms: Number },
  });
  t.match(await run({ argv: ['a', 'b c'] }), { status: 200, body: { exit_code: 0, stdout: 'ran a b c ' } });
  t.match(await run({ command: 'x', max_output_bytes: 2 }), { body: { stdout: 'ra', truncated: true } });
  t.match(await run({ command: 'x', encoding: 'base64' }), { body: { stdout: Buffer.from('ran x ').toString('base64') } });
});

t.test('what cannot be run says why', async (t) => {
  t.match(await run({ command: 'nowhere' }), {
    status: 422,
    body: { error: { message: /not started\. There is no program nowhere/, details: { exit_code: 127 } } },
  });
  t.match(await run({}), { status: 422, body: { error: { message: /`command` or `argv`/ } } });
  t.match(await run({ command: 'ls', argv: ['ls'] }), { status: 422 });
  t.match(await run({ argv: [] }), { status: 422 });
  t.match(await run({ argv: ['', 'x'] }), { status: 422 });
  t.match(await run({ command: 'a\0b' }), { status: 422 });
  t.match(await run({ command: 'ls', env: { '1X': 'y' } }), { status: 422 });
  t.match(await run({ command: 'ls' }, '00000000-0000-4000-8000-000000000000'), { status: 404 });
});

t.test('a command wakes a session that rests, unless it is not to, and is an event', async (t) => {
  for (const rest of ['pause', 'suspend'] as const) {
    t.match(await target.rest.call('POST', `/sessions/${id}/${rest}`), { status: 200 });
    t.match(await run({ command: 'ls', wake: false }), { status: 409, body: { error: { message: new RegExp(`state ${rest}`) } } });
    t.match(await run({ command: 'ls' }), { status: 200 });
    t.match(await target.rest.call('GET', `/sessions/${id}`), { body: { state: 'idle' } });
  }
  const raworc = await sdk();
  const feed = await raworc.events({ session: id });
  await run({ command: 'ls -l' });
  for await (const item of feed) {
    if (item.kind !== 'event' || item.type !== 'session.exec') continue;
    t.match(item.data, { session_id: id, user: 'admin', command: 'ls -l' });
    break;
  }
  await feed.close();
});

t.test('the SDK gets the output as it comes; leaving early kills the command', async (t) => {
  const raworc = await sdk();
  const parts: unknown[] = [];
  for await (const part of raworc.exec(id, { command: 'exit 5', stdin: 'in' })) {
    parts.push(part.kind === 'exit' ? part.exitCode : `${part.kind} ${Buffer.from(part.bytes)}`);
  }
  t.same(parts, ['stdout ran exit 5 ', 'stderr in', 5]);
  const refusal: unknown = await raworc
    .exec(id, { command: 'nowhere' })
    .next()
    .catch((error: unknown) => error);
  t.type(refusal, RaworcError);
  t.equal(exitCodeOfRefusal(refusal), 127, 'the exit code of raworc exec');
  for await (const part of raworc.exec(id, { command: 'forever' })) {
    t.equal(part.kind, 'stdout');
    break;
  }
  const metrics = async () => (await target.rest.call('GET', `/sessions/${id}`)).status;
  t.equal(await metrics(), 200);
  t.match(await raworc.sessions.exec(id, { command: 'true' }), { exit_code: 0, stdout: 'ran true ' });
});

t.test('output comes as frames if Accept names them', async (t) => {
  if (!target.hollow) return t.comment('the pretended guest prints its command');
  const { body } = await target.rest.call('POST', '/auth/login', { user: 'admin', pass: target.password });
  const { token } = body as { token: string };
  const answer = async (command: object) => {
    const response = await fetch(`${target.url}/api/v0/sessions/${id}/exec?stream=sse`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/vnd.raworc.frames, text/event-stream;q=0.5',
      },
      body: JSON.stringify(command),
    });
    t.match(response, { status: 200 });
    t.equal(response.headers.get('content-type'), 'application/vnd.raworc.frames');
    return Buffer.from(await response.arrayBuffer());
  };
  const frames = await answer({ command: 'exit 4', stdin: 'typed' });
  const lengths = [frames.readUInt32BE(1), frames.readUInt32BE(5 + 11 + 1)];
  t.same([frames[0], lengths[0], frames.subarray(5, 16).toString()], [0, 11, 'ran exit 4 ']);
  t.same([frames[16], lengths[1], frames.subarray(21, 26).toString()], [1, 5, 'typed']);
  t.equal(frames[26], 2);
  t.match(JSON.parse(frames.subarray(31).toString()), { exit_code: 4, signal: null, timed_out: false });
  const refusal = await answer({ command: 'nowhere' });
  t.equal(refusal[0], 3);
  t.match(JSON.parse(refusal.subarray(5).toString()), { code: 'UNPROCESSABLE_ENTITY', details: { exit_code: 127 } });
});

t.test('a command in a session of its own, which is removed however the command ends', async (t) => {
  const raworc = await sdk();
  const feed = await raworc.events();
  const items = feed[Symbol.asyncIterator]();
  const born = new Map<string, object>();
  const gone = async () => {
    for (let { value: item } = await items.next(); item !== undefined; { value: item } = await items.next()) {
      if (item.kind !== 'event') continue;
      const { session } = item.data as { session?: { id: string; timeouts: object } };
      if (item.type === 'session.created' && session !== undefined) born.set(session.id, session.timeouts);
      if (item.type === 'session.deleted') return;
    }
  };
  const parts: unknown[] = [];
  for await (const part of raworc.run({ command: 'exit 7' })) parts.push(part.kind === 'exit' ? part.exitCode : part.kind);
  t.equal(parts.at(-1), 7);
  await gone();
  t.match([...born.values()], [{ idle_delete_s: 60, ttl_s: 4560 }], 'if its program dies, the session does not stay');
  for await (const _part of raworc.run({ command: 'forever' })) break;
  await gone();
  const leave = new AbortController();
  await t.rejects(async () => {
    for await (const part of raworc.run({ command: 'forever' }, { signal: leave.signal })) if (part.kind === 'stdout') leave.abort();
  });
  await gone();
  await t.rejects(raworc.run({ command: 'nowhere' }).next(), RaworcError);
  await gone();
  t.equal(born.size, 4);
  await feed.close();
});

t.test('raworc run ends with the exit code of its command, and Ctrl-C removes its session', async (t) => {
  const { env, run, start } = await world(t, target);
  const { body } = await target.rest.call('POST', '/auth/login', { user: 'admin', pass: target.password });
  env.RAWORC_TOKEN = (body as { token: string }).token;
  t.match(await run('run', '--', 'a', 'b c'), { code: 0, out: 'ran a b c ' });
  t.match(await run('run', '--', '/bin/sh', '-c', 'exit 3'), { code: 3 });
  const left = start(['run', '--', '/bin/sh', '-c', 'forever']);
  while (left.out.length === 0) await left.printed();
  left.leave.abort();
  t.match(await left.done, { code: 130 });
  t.match(await target.rest.call('GET', '/sessions'), { body: [{ id }] }, 'only the session of this file is left');
});
