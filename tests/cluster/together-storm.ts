import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as elapsed } from 'node:timers/promises';
import type { Test } from 'tap';
import { z } from 'zod';
import { SeededRandom } from '../simulation/world/random.ts';
import { deploy, writeAgent } from './agents.ts';
import { docker } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';
import { expect, type Rest } from './rest.ts';
import { messageShape } from './shapes.ts';
import { untilCalm } from './storm-verdict.ts';
import { answerOf, hopsOf, SOURCES, someTask, type Task } from './together-agents.ts';

export interface TogetherStorm {
  readonly messages: number;
  readonly senders: number;
  readonly kills: Readonly<Record<'worker' | 'guest' | 'node agent', number>>;
  readonly seed: number;
}

const hop = z.looseObject({ id: z.string(), kind: z.string(), from: z.string(), to: z.string(), run_id: z.string().optional() });
const trace = z.looseObject({ state: z.string(), hops: z.array(hop) });

/** Three agents that ask one another and hand over, in one session with many senders, under kills. */
export async function rage(t: Test, { messages, senders, kills, seed }: TogetherStorm): Promise<void> {
  const random = new SeededRandom(seed);
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }] });
  const { rest } = cluster;
  for (const [name, files] of Object.entries(SOURCES)) await deploy(rest, name, await writeAgent(join(cluster.directory, name), files));
  const { id: session } = await rest.createSession();
  const tasks = new Map<string, Task>();
  const left = Array.from({ length: messages }, (_, at) => someTask(random.fork(`task ${at}`), at + 1));
  const gates = gatesOf(
    messages,
    Object.values(kills).reduce((sum, count) => sum + count, 0),
  );

  const send = async () => {
    for (let task = left.pop(); task !== undefined; task = left.pop()) {
      const posted = await rest.call('POST', `/sessions/${session}/messages?wait=60s`, {
        content: JSON.stringify(task),
        metadata: { agent: task.agent },
      });
      tasks.set(messageShape.parse(expect(posted, 201, 'post a message')).id, task);
      gates.passed();
    }
  };
  const sent = Promise.all(Array.from({ length: senders }, send));
  const done: string[] = [];
  for (const victim of shuffled(random, kills)) {
    await Promise.race([gates.next(), sent]);
    await elapsed(random.whole(0, 60));
    done.push(`${victim}: ${await strike(cluster, session, victim, random)}`);
  }
  await sent;
  await untilCalm(rest, [session]);
  t.comment(done.join(', '));

  const all = await rest.messages(session);
  const asked = all.filter(({ role }) => role === 'user');
  const answers = all.filter(({ role }) => role === 'agent');
  t.equal(asked.length, messages);
  t.same(
    answers.map(({ metadata }) => metadata.in_reply_to),
    asked.map(({ id }) => id),
    'one answer to each, in order',
  );
  const wrong: unknown[] = [];
  const errors: unknown[] = [];
  for (const { content, metadata } of answers) {
    const task = tasks.get(String(metadata.in_reply_to));
    if (metadata.type === 'error_response') errors.push(metadata.reason);
    else if (task === undefined || content !== answerOf(task)) wrong.push({ content, task });
  }
  t.same(wrong, [], 'every reply is the function of its message');
  t.comment(`${errors.length} error_responses of ${messages}: ${errors.join(', ')}`);
  t.ok(errors.length <= kills.worker + kills.guest, 'no more errors than kills that can cut off the one message at work');
  await judgeTraces(
    t,
    rest,
    session,
    tasks,
    new Set(answers.filter(({ metadata }) => metadata.type === 'error_response').map(({ metadata }) => metadata.in_reply_to)),
  );

  const record = await readFile(join(cluster.node('node-1').diskFiles(session), 'workspace', 'record'), 'utf8');
  const starts = record.trim().split('\n');
  t.equal(new Set(starts).size, starts.length, 'no run of a message or hop began twice');
}

/** Every hop of a reply is in its trace; a failed message has those that began. */
async function judgeTraces(t: Test, rest: Rest, session: string, tasks: ReadonlyMap<string, Task>, failed: ReadonlySet<unknown>) {
  const broken: unknown[] = [];
  for (const [id, task] of tasks) {
    const found = trace.parse(expect(await rest.call('GET', `/sessions/${session}/trace/${id}`), 200, 'get a trace'));
    const isWhole = failed.has(id) ? found.hops.length <= hopsOf(task) : found.hops.length === hopsOf(task);
    if (found.state !== 'answered' || !isWhole) broken.push({ id, task, found });
  }
  t.same(broken, [], 'traces are complete');
}

async function strike(cluster: Cluster, session: string, victim: keyof TogetherStorm['kills'], random: SeededRandom): Promise<string> {
  if (victim === 'node agent') {
    await cluster.node('node-1').kill();
    await cluster.restartNode('node-1');
    return 'restarted';
  }
  const container = docker.getContainer(`raworc_session_${session}`);
  if (victim === 'guest') {
    await container.kill();
    return 'killed';
  }
  const { State } = await container.inspect();
  const workers = await workersOf(State.Pid);
  const pid = random.pick(workers);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  return pid === undefined ? 'none was there' : 'killed';
}

/** Returns the workers of a container, as this host numbers them. */
async function workersOf(guest: number): Promise<number[]> {
  const namespace = async (pid: string) => readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const own = await namespace(String(guest));
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (/\/worker\.(py|mjs)\0/.test(command) && own !== '' && (await namespace(pid)) === own) found.push(Number(pid));
  }
  return found;
}

/** Opens one gate after another as messages are answered, so that kills are spread over all of them. */
function gatesOf(messages: number, count: number) {
  let answered = 0;
  let opened = 0;
  let wake: () => void = () => undefined;
  const isOpen = () => answered >= ((opened + 1) * messages) / (count + 1);
  return {
    passed() {
      answered += 1;
      if (isOpen()) wake();
    },
    async next() {
      if (!isOpen())
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      opened += 1;
    },
  };
}

function shuffled(random: SeededRandom, kills: TogetherStorm['kills']) {
  const all = (Object.keys(kills) as (keyof typeof kills)[]).flatMap((kind) => Array.from({ length: kills[kind] }, () => kind));
  return all
    .map((kind) => ({ kind, at: random.fraction() }))
    .sort((a, b) => a.at - b.at)
    .map(({ kind }) => kind);
}
