import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WHEEL, WHEEL_NAME } from '../host/wheel.ts';
import { deploy, writeAgent } from './agents.ts';
import { containersOf, execIn } from './docker.ts';
import { startCluster } from './harness.ts';
import type { Rest } from './rest.ts';
import { tablesThatMention, untilRows } from './rows.ts';
import { filesWork } from './session-files.ts';

const PYTHON = `
import os, sys
from greeting import shout

count = 0

def process_message(message, context):
    global count
    count += 1
    print("printed by python", count)
    print("complained by python", file=sys.stderr)
    yield f"{os.getpid()} "
    yield f"{count} "
    yield shout(message)
`;

const NODE = `
import ms from 'ms';
let count = 0;
export async function* processMessage(message, context) {
  count += 1;
  console.log('printed by node', count);
  yield process.pid + ' ';
  yield count + ' ';
  yield ms('1s') === 1000 ? message.toUpperCase() : 'wrong';
}
`;

/** Commands run as the agents' user, without secrets and within the limits, and what they leave behind goes on. */
async function commandsRun(t: Test, rest: Rest, session: string): Promise<void> {
  const run = async (command: string, more: object = {}) =>
    (await rest.call('POST', `/sessions/${session}/exec`, { command, ...more })).body as Record<string, unknown>;
  t.match(await run('id -u; pwd; echo $RAWORC_SPACE; cat; exit 3', { stdin: 'typed' }), {
    exit_code: 3,
    stdout: /^\d{5,}\n\/session\/workspace\ndefault\ntyped$/,
  });
  t.match(await run('touch /etc/x'), { exit_code: 1, stderr: /Read-only/ });
  t.match(await run('sleep 60 & echo $! > left; (setsid sleep 60 &)'), { exit_code: 0, timed_out: false });
  t.match(await run('kill -0 $(cat left) && pkill sleep'), { exit_code: 0 }, 'what is left in the background goes on');
  t.match(await run('setsid sleep 60', { timeout_ms: 300 }), { timed_out: true, signal: 'SIGKILL' });
  t.match(await run('ps -e -o comm= | grep -c sleep'), { stdout: '0\n' }, 'and nothing outlives the time limit');
}

t.setTimeout(240_000);
t.test('an agent deployed from a directory with dependencies answers in a session, and deleting the session leaves nothing', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }], nats: true });
  const { rest } = cluster;
  const node = cluster.node('node-1');

  const python = await writeAgent(join(cluster.directory, 'py'), {
    'raworc.json': JSON.stringify({ runtime: 'python', handler: 'main.process_message' }),
    'main.py': PYTHON,
    'requirements.txt': '--no-index\n--find-links wheels\ngreeting\n',
    [`wheels/${WHEEL_NAME}`]: WHEEL,
  });
  await deploy(rest, 'py', python);
  const javascript = await writeAgent(join(cluster.directory, 'js'), {
    'raworc.json': JSON.stringify({ runtime: 'node', handler: 'index.processMessage' }),
    'index.mjs': NODE,
    'package.json': JSON.stringify({ name: 'js', version: '1.0.0', dependencies: { ms: '2.1.3' } }),
  });
  const build = await deploy(rest, 'js', javascript);
  t.equal(build.status, 'completed');

  const session = await rest.createSession();
  t.equal(session.state, 'idle');
  await commandsRun(t, rest, session.id);
  await filesWork(t, rest, session.id);
  const [container] = await containersOf(cluster.id);
  t.equal(container?.session, session.id, 'one container, labelled with its session');
  t.equal(session.container_id, container?.id);
  t.equal(node.socketDirectories().length, 1);

  for (const agent of ['py', 'js']) {
    await t.test(`${agent} answers twice in one process, streams, and its output is only in its logs`, async (t) => {
      const news = await rest.watch(`/sessions/${session.id}/events`);
      t.teardown(() => news.close());
      const first = await rest.say(session.id, 'good morning', { agent });
      const second = await rest.say(session.id, 'and again', { agent });
      const [firstPid, firstCount] = first.reply.content.split(' ');
      const [secondPid, secondCount] = second.reply.content.split(' ');
      t.match(first.reply, { role: 'agent', metadata: { type: 'agent_response', agent, in_reply_to: first.id } });
      t.equal(first.reply.content, `${firstPid} 1 GOOD MORNING`, 'the pieces make up the reply, and no print is in it');
      t.equal(second.reply.content, `${firstPid} 2 AND AGAIN`);
      t.equal(secondPid, firstPid, 'the same worker');
      t.same([firstCount, secondCount], ['1', '2']);

      await news.until('the second reply', ({ type, data }) => type === 'message.created' && isMessage(data.message, second.reply.id));
      const deltas = news.events.filter(({ type, data }) => type === 'delta' && data.run_id === first.reply.metadata.run_id);
      t.equal(deltas.map(({ data }) => data.text).join(''), first.reply.content, 'what was streamed is what was answered');
      const numbers = news.events.flatMap(({ data }) =>
        typeof data.number === 'number' && data.run_id === undefined ? [data.number] : [],
      );
      t.same(
        numbers,
        [...numbers].sort((a, b) => a - b),
        'events come in order',
      );

      const log = await execIn(container?.id ?? '', ['cat', `/session/logs/${agent}_${String(first.reply.metadata.run_id)}_stdout.log`]);
      t.match(log.output, /printed by (python|node) 1/);
      t.notMatch(log.output, /printed by (python|node) 2/, 'each run has a log of its own');
    });
  }

  await t.test('the logs of the space have what both agents printed, and can be narrowed to a run', async (t) => {
    const read = async (query = '') =>
      ((await rest.call('GET', `/spaces/default/logs?${query}`)).body as { logs: { agent: string; run_id: string; line: string }[] }).logs;
    const all = await read();
    t.same([...new Set(all.map(({ agent }) => agent))], ['py', 'js'], 'in the order of time');
    const [first] = await read(`agent=js&session_id=${session.id}`);
    t.match(first, { agent: 'js', line: /printed by node 1/ });
    t.ok((await read(`run_id=${first?.run_id}`)).every(({ line }) => !line.includes('printed by node 2')));
  });

  await t.test('the second build has both agents, and the list has every exchange once', async (t) => {
    const messages = await rest.messages(session.id);
    t.same(
      messages.map(({ role }) => role),
      ['user', 'agent', 'user', 'agent', 'user', 'agent', 'user', 'agent'],
    );
    t.same(
      messages.map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
  });

  await t.test('with two active agents, a message that names none gets an error_response that lists them', async (t) => {
    const { reply } = await rest.say(session.id, 'who are you?');
    t.match(reply, { role: 'agent', metadata: { type: 'error_response' } });
    t.match(reply.content, /py/);
    t.match(reply.content, /js/);
  });

  await t.test('a delete leaves no container, volume or socket directory, and only rows of history', async (t) => {
    await rest.removeSession(session.id);
    t.equal((await rest.call('GET', `/sessions/${session.id}`)).status, 404);
    t.equal((await rest.call('POST', `/sessions/${session.id}/messages`, { content: 'hello?' })).status, 404);
    t.equal((await rest.call('DELETE', `/sessions/${session.id}`)).status, 404);
    const mentions = () => tablesThatMention(cluster.databaseFile, session.id);
    await untilRows('the tombstone to be done with', cluster.databaseFile, () => mentions().length === 0);
    t.same(await containersOf(cluster.id), []);
    t.same(cluster.disks(), []);
    t.same(node.socketDirectories(), []);
    t.same(mentions(), []);
  });
});

const isMessage = (value: unknown, id: string) => typeof value === 'object' && value !== null && 'id' in value && value.id === id;
