/**
 * Times messages to trivial Python agents until their replies, over REST with `?wait`:
 * 1. one sender and one session, in turns with `docker exec CONTAINER true` by the command line;
 * 2. many sessions at once, each with a sender that waits for its reply before the next message;
 * each with the processor time of a message by process.
 * `npm run bench -- messages [sessions] [turns] [seconds]`.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deploy, writeAgent } from '../tests/cluster/agents.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { Connection, request } from './api/connection.ts';
import { benchmark } from './figures/benchmark.ts';
import { median, percentile, timed } from './figures/figures.ts';
import { processesOf, processorMs } from './messages/processor-time.ts';

const ECHO = { 'main.py': 'def process_message(message, context):\n    return message\n' };
const WARM_UP = 20;
/** Of many sessions: what runs once more code has been compiled counts. */
const WARM_UP_MS = 5_000;
/** Sessions that are created at the same time. */
const CREATED_AT_ONCE = 10;
/** Median of `docker exec true` : median of a message; p99 : median of a message; messages per second. */
const GOALS = { faster: 25, p99: 4, perSecond: 600 };
/** A benchmark sends more than the budget of any one account. */
const BUDGETS = ['requests.account', 'requests.address', 'changes.account', 'changes.space'].map((name) => `${name}=1000000`);

const run = promisify(execFile);
const [sessions = 50, turns = 200, seconds = 15] = process.argv.slice(2).map(Number);
if (![sessions, turns, seconds].every((each) => Number.isInteger(each) && each > 0)) throw new Error('each number is a positive integer');

await benchmark(async ({ signal, scope, table, times, goal }) => {
  const nodes = [{ name: 'node-1', cpuMillis: 1_000_000, memoryBytes: 2 ** 40 }];
  const cluster = await startCluster(scope, { nodes, nats: true, env: { RAWORC_BUDGETS: BUDGETS.join(', ') } });
  const { rest } = cluster;
  await deploy(rest, 'echo', await writeAgent(join(cluster.directory, 'echo'), ECHO));

  const created: { readonly container: string; readonly message: string }[] = [];
  const create = async () => {
    const { id, container_id: container } = await rest.createSession();
    const { reply } = await rest.say(id, 'hello');
    if (reply.content !== 'hello') throw new Error(`not the reply: ${JSON.stringify(reply)}`);
    const message = request('POST', `/api/v0/sessions/${id}/messages?wait=60s`, rest.token, { content: 'hello' });
    created.push({ container: container ?? '', message });
  };
  while (created.length < sessions) {
    await Promise.all(Array.from({ length: Math.min(CREATED_AT_ONCE, sessions - created.length) }, create));
  }
  const [first] = created;
  if (first === undefined) throw new Error('there is no session');
  const processes = await processesOf(
    cluster,
    created.map(({ container }) => container),
  );

  /** Runs `work` with a function that sends a message and resolves with the time until its reply. */
  const withSender = async (message: string, work: (send: () => Promise<number>) => Promise<void>) => {
    const connection = new Connection({ host: '127.0.0.1', port: cluster.ports.http });
    const send = async () => {
      signal.throwIfAborted();
      const status = await connection.send(message);
      if (status !== 201) throw new Error(`a message was answered ${status}`);
    };
    await work(() => timed(send)).finally(() => connection.close());
  };
  const alone = async (count: number) => {
    const all = { message: [] as number[], command: [] as number[] };
    await withSender(first.message, async (send) => {
      for (let turn = 0; turn < count; turn += 1) {
        all.message.push(await send());
        all.command.push(await timed(() => run('docker', ['exec', first.container, 'true'])));
      }
    });
    return all;
  };
  const together = async (durationMs: number) => {
    const all: number[] = [];
    const end = performance.now() + durationMs;
    const untilEnd = async (send: () => Promise<number>) => {
      while (performance.now() < end) all.push(await send());
    };
    await Promise.all(created.map(({ message }) => withSender(message, untilEnd)));
    return all;
  };
  /** Prints the processor time that each process has used since `before` for one of so many messages. */
  const printProcessorTime = (before: ReturnType<typeof processorMs>, messages: number) => {
    const used = processorMs(processes).map(({ name, ms }, at) => ({ name, ms: (ms - (before[at]?.ms ?? 0)) / messages }));
    const each = [...used, { name: 'together', ms: used.reduce((sum, { ms }) => sum + ms, 0) }];
    console.log(`processor time of a message, ms: ${each.map(({ name, ms }) => `${name} ${ms.toFixed(2)}`).join(', ')}`);
  };

  await alone(WARM_UP);
  const beforeAlone = processorMs(processes);
  const one = await alone(turns);
  table(`One message at a time, ${turns} turns`);
  times('message → reply (REST, ?wait)', one.message);
  times('docker exec true (docker CLI)', one.command);
  printProcessorTime(beforeAlone, turns);

  await together(WARM_UP_MS);
  const [begunAt, before] = [performance.now(), processorMs(processes)];
  const many = await together(seconds * 1000);
  const perSecond = (many.length / (performance.now() - begunAt)) * 1000;
  table(`${sessions} sessions at once, ${seconds} s`);
  times('message → reply (REST, ?wait)', many);
  printProcessorTime(before, many.length);

  goal('faster than docker exec by the CLI, median', median(one.command) / median(one.message), { least: GOALS.faster });
  goal('p99 of the median', percentile(one.message, 99) / median(one.message), { most: GOALS.p99 });
  goal('messages per second at once', perSecond, { least: GOALS.perSecond });
});
