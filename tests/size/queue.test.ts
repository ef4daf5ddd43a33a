/**
 * One session's queue at each of its bounds, while another session is used: real store, real applier, real delivery. Each run is compared with one
 * in which the same commands meet a queue of one message.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import t, { type Test } from 'tap';
import type { MessageId, SessionId } from '../../controller/domain/engine/ids.ts';
import { acceptMessage } from '../../controller/domain/messages/commands/accept-message.ts';
import { postMessage } from '../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../controller/domain/messages/commands/record-answer.ts';
import { MAX_QUEUED } from '../../controller/domain/messages/queue.ts';
import { recordReport } from '../../controller/domain/sessions/commands/record-report.ts';
import { Delivery } from '../../controller/services/fleet/delivery.ts';
import { noBarriers } from '../../seams/barrier.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, withAgents } from '../unit/controller/core.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

t.setTimeout(TIME_LIMIT_MS);

const LONG = 'session-long' as SessionId;
const USED = 'session-used' as SessionId;
const ROUNDS = scaled({ short: 300, long: 3000 });
const BLOCK = 30;
/** Far above what it is (1.0 to 1.3), for noisy machines; far below what reading the queue's contents costs (50 and more). */
const MAX_RATIO = 4;

async function running(t: Test): Promise<Core> {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  for (const sessionId of [LONG, USED]) {
    await core.applier.submit(newSession({ id: sessionId }));
    const order = { incarnation: 1, boot: 1, number: 1 };
    const seen = { containerId: 'c', volume: 'v', reason: '', acceptedSeq: 0 };
    await core.applier.apply(recordReport({ from: NODE, sessionId, generation: 1, phase: 'running', order, ...seen }));
  }
  return core;
}

/** What one of the two ways of using a store has taken so far. */
interface Use {
  readonly core: Core;
  readonly delivery: Delivery;
  readonly times: number[];
  /** The longest event loop delay of each block, in milliseconds. */
  readonly delays: number[];
  cpuMicros: number;
}

async function filled(t: Test, content: string, count: number): Promise<Use> {
  const core = await running(t);
  for (let at = 0; at < count; at += 50)
    await Promise.all(Array.from({ length: Math.min(50, count - at) }, () => core.applier.submit(postMessage(newMessage(LONG, content)))));
  t.equal(core.store.view.queueUse(LONG).messages, count);
  const delivery = new Delivery({
    view: core.store.view,
    barriers: noBarriers,
    send: () => true,
    hasRoom: () => true,
    refuse: () => undefined,
  });
  return { core, delivery, times: [], delays: [], cpuMicros: 0 };
}

/** Posts to one session; beside each, the oldest message of the other is accepted and answered, and one is posted in its place. */
async function use(one: Use, content: string, rounds: number): Promise<void> {
  const { applier, store } = one.core;
  const post = (session: SessionId, text: string) => applier.submit(postMessage(newMessage(session, text)));
  const about = (messageId: MessageId) => ({ from: NODE, generation: 1, sessionId: LONG, messageId });
  const answer = { runId: 'r', agent: 'echo', outcome: 'reply' as const, content: 'ok', reason: '', durationMs: 1 };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) {
    const [oldest] = store.view.queued(LONG, 1);
    if (oldest === undefined) throw new Error('the queue is empty');
    const beside = [
      applier.apply(acceptMessage({ ...about(oldest.id), settled: false })),
      applier.apply(recordAnswer({ ...about(oldest.id), ...answer })),
      post(LONG, content),
    ];
    const begun = performance.now();
    const mine = await post(USED, 'hello');
    one.times.push(performance.now() - begun);
    await Promise.all(beside);
    one.delivery.due(LONG);
    if (mine.ok) await applier.apply(recordAnswer({ ...about(mine.value.id as MessageId), sessionId: USED, ...answer }));
  }
  const { user, system } = process.cpuUsage(cpu);
  one.cpuMicros += user + system;
  delay.disable();
  one.delays.push(delay.max / 1e6);
}

const partOf = (values: readonly number[], part: number): number => values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? 0;

const figuresOf = ({ times, delays, cpuMicros }: Use) => ({
  p50: partOf(times, 0.5),
  p99: partOf(times, 0.99),
  loop: partOf(delays, 0.5),
  loop_max: Math.max(...delays),
  cpu: cpuMicros / times.length / 1e3,
});

for (const { name, content, count } of [
  { name: 'messages', content: 'x'.repeat(10_000), count: MAX_QUEUED.messages },
  { name: 'bytes', content: 'x'.repeat(100_000), count: Math.floor(MAX_QUEUED.bytes / 100_002) },
])
  t.test(`a queue at its bound in ${name} costs the others nothing`, async (t) => {
    const alone = await filled(t, content, 1);
    const beside = await filled(t, content, count);
    for (const one of [alone, beside]) await use(one, content, BLOCK);
    for (const one of [alone, beside]) {
      one.times.length = 0;
      one.delays.length = 0;
      one.cpuMicros = 0;
    }
    // In turns, so that whatever else the machine does meets both.
    for (let done = 0; done < ROUNDS; done += BLOCK) for (const one of [alone, beside]) await use(one, content, BLOCK);
    const [less, more] = [figuresOf(alone), figuresOf(beside)];
    t.comment(`alone ${JSON.stringify(less)}, beside ${JSON.stringify(more)}, in ms`);
    t.ok(more.cpu < 2 * less.cpu, `processor time × ${(more.cpu / less.cpu).toFixed(2)}`);
    t.ok(more.p99 < MAX_RATIO * less.p99, `p99 × ${(more.p99 / less.p99).toFixed(2)}`);
    t.ok(more.loop < MAX_RATIO * less.loop, `event loop delay × ${(more.loop / less.loop).toFixed(2)}`);
  });
