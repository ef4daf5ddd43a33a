import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as elapsed } from 'node:timers/promises';
import type { Test } from 'tap';
import { SeededRandom } from '../simulation/world/random.ts';
import { deploy, writeAgent } from './agents.ts';
import { docker } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';
import { expect, type Rest } from './rest.ts';
import { messageShape } from './shapes.ts';
import { untilCalm } from './storm-verdict.ts';
import { answerOf, SOURCES, someTask, type Task } from './together-agents.ts';
import { faultsOfHops, traceShape } from './together-traces.ts';

export interface TogetherStorm {
  readonly messages: number;
  readonly senders: number;
  readonly kills: Readonly<Record<'worker' | 'guest' | 'node agent', number>>;
  readonly seed: number;
}

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
  const done: Blow[] = [];
  for (const victim of shuffled(random, kills)) {
    await Promise.race([gates.next(), sent]);
    await elapsed(random.whole(0, 60));
    done.push({ victim, struck: await strike(cluster, session, victim, random) });
  }
  await sent;
  await untilCalm(rest, [session]);
  const struck = (kind: Victim) => done.filter((blow) => blow.victim === kind && blow.struck).length;
  t.comment(done.map((blow) => `${blow.victim}${blow.struck ? '' : ' (none was there)'}`).join(', '));
  for (const kind of Object.keys(kills) as Victim[])
    t.ok(struck(kind) > kills[kind] * 0.6, `most kills of a ${kind} struck: ${struck(kind)} of ${kills[kind]}`);

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
  t.ok(
    errors.length <= struck('worker') + struck('guest'),
    'no more errors than kills that struck and can cut off the one message at work',
  );
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

type Victim = keyof TogetherStorm['kills'];

interface Blow {
  readonly victim: Victim;
  /** Whether there was one to kill. */
  readonly struck: boolean;
}

/** The trace of a reply has exactly the hops of its task, with their answers; that of a failed message those that began. */
async function judgeTraces(t: Test, rest: Rest, session: string, tasks: ReadonlyMap<string, Task>, failed: ReadonlySet<unknown>) {
  const broken: unknown[] = [];
  for (const [id, task] of tasks) {
    const { state, hops } = traceShape.parse(expect(await rest.call('GET', `/sessions/${session}/trace/${id}`), 200, 'get a trace'));
    const faults = faultsOfHops(task, hops, !failed.has(id));
    if (state !== 'answered') faults.push(`it is ${state}`);
    if (faults.length > 0) broken.push({ id, task: answerOf(task), faults });
  }
  t.same(broken, [], 'traces are complete');
}

/** Returns whether it killed anything: a container that restarts has no guest, and a new one no worker yet. */
async function strike(cluster: Cluster, session: string, victim: Victim, random: SeededRandom): Promise<boolean> {
  if (victim === 'node agent') {
    await cluster.node('node-1').kill();
    await cluster.restartNode('node-1');
    return true;
  }
  const container = docker.getContainer(`raworc_session_${session}`);
  const { State } = await container.inspect();
  if (!State.Running) return false;
  if (victim === 'guest') {
    await container.kill();
    return true;
  }
  const pid = random.pick(await workersOf(State.Pid));
  if (pid === undefined) return false;
  process.kill(pid, 'SIGKILL');
  return true;
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
