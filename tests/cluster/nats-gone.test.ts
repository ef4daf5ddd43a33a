import { join } from 'node:path';
import t from 'tap';
import { deploy, writeAgent } from './agents.ts';
import { startCluster } from './harness.ts';
import { messageShape } from './shapes.ts';
import type { EventStream } from './sse.ts';
import { NatsSubscriber } from './subscriber.ts';

const GONE_MS = 10_000;
const EVERY_MS = 100;

t.setTimeout(240_000);
t.test('no watcher misses an event while nats-server is gone for ten seconds under traffic', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }], nats: true });
  const { rest, nats } = cluster;
  if (nats === undefined) throw new Error('there is no nats-server');
  await deploy(
    rest,
    'echo',
    await writeAgent(join(cluster.directory, 'echo'), { 'main.py': 'def process_message(message, context):\n    return message\n' }),
  );
  const session = await rest.createSession();
  const watchers = await Promise.all([
    rest.watch(`/sessions/${session.id}/events`),
    rest.watch(`/sessions/${session.id}/events`),
    rest.watch('/events'),
  ]);
  const subscriber = await NatsSubscriber.open(nats.url, rest, session.id);
  t.teardown(async () => {
    for (const watcher of watchers) watcher.close();
    await subscriber.close();
  });

  const traffic = new Traffic((content) => rest.say(session.id, content));
  await traffic.hasGoneOnFor(1000);
  await nats.kill();
  const sentBefore = traffic.sent;
  await traffic.hasGoneOnFor(GONE_MS);
  const duringTheGap = traffic.sent - sentBefore;
  t.ok(duringTheGap > 20, `messages were answered while NATS was gone (${duringTheGap})`);
  const watchedDuring = seqsOf(watchers[0]).length;
  t.ok(watchedDuring > sentBefore * 2, 'and watchers saw them meanwhile: the tail reads the store');
  await nats.start();
  await traffic.hasGoneOnFor(2000);
  await traffic.stop();

  const list = await rest.messages(session.id);
  const last = list.at(-1)?.seq ?? 0;
  const expected = Array.from({ length: last }, (_, index) => index + 1);
  t.same(
    list.map(({ seq }) => seq),
    expected,
    'the list itself has no hole',
  );
  t.equal(list.length, traffic.sent * 2, 'every message has its answer');

  for (const [index, watcher] of watchers.entries()) {
    await watcher.until(`message ${last}`, ({ type, data }) => type === 'message.created' && seqOf(data.message) === last);
    t.same(seqsOf(watcher), expected, `watcher ${index + 1} has the whole list, in order, each once`);
    t.notOk(watcher.ended, 'and its stream was never cut');
  }
  const taken = await subscriber.untilComplete(last);
  t.same(
    taken.map(({ seq, id }) => [seq, id]),
    list.map(({ seq, id }) => [seq, id]),
    'so has the subscriber to NATS',
  );
  t.comment(`${list.length} messages; the subscriber took ${subscriber.fromNats} from NATS and ${subscriber.fromRest} from REST`);

  const reached = subscriber.fromNats;
  await rest.say(session.id, 'and one more');
  await subscriber.untilComplete(last + 2);
  t.ok(subscriber.fromNats > reached, 'news flows over NATS again');
});

const seqOf = (value: unknown) => messageShape.safeParse(value).data?.seq;

const seqsOf = (watcher: EventStream | undefined) =>
  (watcher?.events ?? []).flatMap(({ type, data }) => (type === 'message.created' ? (seqOf(data.message) ?? []) : []));

/** Posts a message every 100 ms, whether or not the last one was answered. */
class Traffic {
  sent = 0;
  readonly #say: (content: string) => Promise<unknown>;
  readonly #underway: Promise<unknown>[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #looks = new Set<() => void>();

  constructor(say: (content: string) => Promise<unknown>) {
    this.#say = say;
    this.#timer = setInterval(() => this.#send(), EVERY_MS);
  }

  /** Resolves at the first message sent at least that much later. */
  hasGoneOnFor(durationMs: number): Promise<void> {
    const since = performance.now();
    return new Promise((resolve) => {
      const look = () => {
        if (performance.now() - since < durationMs) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
    });
  }

  /** Rejects if a message was refused. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underway);
  }

  #send(): void {
    this.sent += 1;
    const answered = this.#say(`message ${this.sent}`);
    answered.catch(() => undefined);
    this.#underway.push(answered);
    for (const look of [...this.#looks]) look();
  }
}
