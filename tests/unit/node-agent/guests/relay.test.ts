import t from 'tap';
import { Outbox } from '../../../../node-agent/control/outbox.ts';
import { MAX_RELAYED } from '../../../../node-agent/guests/backpressure.ts';
import { Relay } from '../../../../node-agent/guests/relay.ts';
import type { RelayDeps } from '../../../../node-agent/guests/relay-deps.ts';
import type { GuestFrame, HostFrame, NodeFrame } from '../../../../proto/frame.ts';
import { prometheusMetrics } from '../../../../seams/prometheus.ts';
import { systemClock } from '../../../../seams/system.ts';
import { linkPair } from '../../../hollow/link-pair.ts';
import { deliver } from '../hand-controller.ts';

const S = '00000000-0000-4000-8000-00000000000a';
const log = { debug() {}, info() {}, warn() {}, error() {} };
const turn = () => new Promise<void>((resolve) => systemClock.soon(() => systemClock.soon(() => systemClock.soon(resolve))));

function relayed(generation = 7, more: Partial<RelayDeps> = {}) {
  const sent: NodeFrame[] = [];
  const wire = { full: false };
  const lost: string[] = [];
  const outbox = new Outbox();
  outbox.begin();
  outbox.connect({
    send: (frame) => {
      if (!wire.full) sent.push(frame);
      return !wire.full;
    },
    end: () => undefined,
  });
  const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };
  const spec = { space: 'default', spaceId: 's', image: 'i', agents: [], limits, volumeExpected: false };
  const relay = new Relay({
    outbox,
    clock: systemClock,
    log,
    assignment: (sessionId) =>
      sessionId === S ? { sessionId, generation, desired: 'running', spec, graceMs: 0, settledSeq: 0 } : undefined,
    guestChanged: () => undefined,
    drained: () => undefined,
    messagesLost: (sessionId) => lost.push(sessionId),
    ...more,
  });
  const connect = (sessionId = S, named = sessionId, streams = true, cancels = streams) => {
    const [host, guest] = linkPair<HostFrame, GuestFrame>(systemClock);
    const heard: HostFrame[] = [];
    const state = { guest, heard, closed: false };
    guest.onMessage((frame) => heard.push(frame));
    guest.onClose(() => {
      state.closed = true;
    });
    relay.guest(sessionId, host);
    guest.send({
      kind: 'hello',
      value: { protocolVersion: 1, guestVersion: '', sessionId: named, acceptedSeq: 0, unsettled: 0, life: 1, streams, cancels },
    });
    return state;
  };
  t.teardown(() => relay.close());
  return { relay, outbox, sent, wire, lost, connect };
}

const answer = (messageId: string, content = '') => ({
  kind: 'answer' as const,
  value: {
    sessionId: 'another',
    generation: 99,
    messageId,
    runId: 'r',
    agent: 'a',
    outcome: 'REPLY' as const,
    content,
    reason: '',
    durationMs: 1,
    hops: [],
    model: '',
  },
});

t.test('what a guest says is of its own session and of the generation of now, whatever it claims', async (t) => {
  const { sent, connect } = relayed(7);
  const { guest } = connect();
  guest.send({ kind: 'accepted', value: { sessionId: 'another', generation: 99, messageId: 'm', seq: 1, settled: false } });
  guest.send({ kind: 'delta', value: { sessionId: 'another', messageId: 'm', runId: 'r', agent: 'a', number: 1, text: 'x' } });
  guest.send(answer('m'));
  await turn();
  t.same(
    sent.map(({ kind }) => kind),
    ['accepted', 'delta', 'answer'],
  );
  for (const frame of sent) t.match(frame.value, { sessionId: S });
  t.match(sent[0]?.value, { generation: 7 });
  t.match(sent[2]?.value, { generation: 7 });
});

t.test(
  'a guest that names another session, or one that is not assigned, is shut out; a newer one of the session replaces the older',
  async (t) => {
    const { relay, connect } = relayed();
    const wrong = connect(S, '00000000-0000-4000-8000-00000000000b');
    const unassigned = connect('00000000-0000-4000-8000-00000000000b');
    const older = connect();
    await turn();
    await turn();
    t.same([wrong.closed, unassigned.closed, older.closed], [true, true, false]);
    const newer = connect();
    await turn();
    await turn();
    t.same([older.closed, newer.closed, relay.isConnected(S)], [true, false, true]);
    relay.deliver(deliver(S, 1, 'hello').value);
    await turn();
    t.same(
      newer.heard.map(({ kind }) => kind),
      ['welcome', 'deliver'],
    );
  },
);

t.test(
  'a guest that says what no guest says is cut off, and nothing of it reaches the controller, which would cut off its node',
  async (t) => {
    const long = 'x'.repeat(100_000);
    const said: GuestFrame[] = [
      { kind: 'workers', value: { sessionId: S, workers: [{ agent: long, startedAtMs: 1 }], keptAwake: 0 } },
      { kind: 'workers', value: { sessionId: S, workers: [{ agent: 'a', startedAtMs: 2 ** 64 }], keptAwake: 0 } },
      { kind: 'accepted', value: { sessionId: S, generation: 7, messageId: 'm', seq: 2 ** 64, settled: false } },
      { kind: 'limitReached', value: { sessionId: S, limit: 'memory', value: 1, agent: long } },
      { ...answer('m'), value: { ...answer('m').value, reason: long } },
    ];
    for (const frame of said) {
      const { relay, sent, connect } = relayed(7);
      const guest = connect();
      await turn();
      t.ok(relay.isConnected(S));
      guest.guest.send(frame);
      while (!guest.closed) await turn();
      t.same(sent, []);
    }
    const { relay, connect } = relayed(7);
    const guest = connect(S, long);
    while (!guest.closed) await turn();
    t.notOk(relay.isConnected(S));
  },
);

t.test('on a new stream no answer overtakes one from before', async (t) => {
  const { relay, outbox, sent, connect } = relayed();
  const { guest } = connect();
  outbox.disconnect();
  guest.send(answer('m1'));
  await turn();
  outbox.begin();
  relay.hold();
  guest.send(answer('m2'));
  await turn();
  outbox.connect({ send: (frame) => sent.push(frame) > 0, end: () => undefined });
  relay.resend();
  guest.send(answer('m3'));
  await turn();
  t.same(
    sent.flatMap((frame) => (frame.kind === 'answer' ? [frame.value.messageId] : [])),
    ['m1', 'm2', 'm3'],
  );
});

t.test('messages wait for the guest in order and within a bound, and what was let go is asked for again', async (t) => {
  const { relay, lost, connect } = relayed();
  for (let seq = 1; seq <= 300; seq += 1) relay.deliver(deliver(S, seq, 'hello').value);
  t.same(lost, []);
  const { heard } = connect();
  await turn();
  await turn();
  const seqs = heard.flatMap((frame) => (frame.kind === 'deliver' ? [frame.value.seq] : []));
  t.same(
    seqs,
    Array.from({ length: 256 }, (_, index) => index + 1),
  );
  t.same(lost, [S]);
});

t.test('a guest is not read from while too many of its answers are not settled', async (t) => {
  const { relay, sent, connect } = relayed();
  const { guest } = connect();
  await turn();
  for (let number = 1; number <= 100; number += 1) guest.send(answer(`m${number}`));
  await turn();
  t.equal(sent.length, 64);
  relay.settled({ sessionId: S, messageId: 'm1', upToSeq: 0 });
  await turn();
  t.equal(sent.length, 65);
});

t.test('what waits for no answer any more is not delivered, and the guest that is or will be connected is told', async (t) => {
  const { relay, connect } = relayed();
  for (const seq of [1, 2, 3]) relay.deliver(deliver(S, seq, 'hello').value);
  relay.settledUpTo(S, 2);
  const first = connect();
  await turn();
  await turn();
  relay.settledUpTo(S, 1);
  relay.settled({ sessionId: S, messageId: '', upToSeq: 5 });
  await turn();
  const second = connect();
  await turn();
  await turn();
  const seqs = ({ heard }: typeof first) =>
    heard.map(({ kind, value }) => [
      kind,
      'settledSeq' in value ? value.settledSeq : 'seq' in value ? value.seq : 'upToSeq' in value && value.upToSeq,
    ]);
  t.same(seqs(first), [
    ['welcome', 2],
    ['deliver', 3],
    ['settled', 5],
  ]);
  t.same(seqs(second), [['welcome', 5]]);
});

t.test('while the way to the controller is full, the newest of each kept frame waits in order and passing ones are counted', async (t) => {
  const { outbox, sent, wire } = relayed();
  const images = (name: string): NodeFrame => ({ kind: 'images', value: { images: [name] } });
  wire.full = true;
  outbox.keep('images', images('old'));
  outbox.keep('removed:s', { kind: 'removed', value: { sessionId: S, upToGeneration: 1 } });
  outbox.keep('images', images('new'));
  t.equal(outbox.pass({ kind: 'heartbeat', value: { number: 1 } }), false);
  t.equal(outbox.lost, 1);
  wire.full = false;
  outbox.drained();
  t.same(sent, [images('new'), { kind: 'removed', value: { sessionId: S, upToGeneration: 1 } }]);
});

t.test('an order to stop an agent reaches the guests of its space, before what is delivered later', async (t) => {
  const { relay, lost, connect } = relayed();
  relay.deliver(deliver(S, 1, 'held').value);
  relay.stopAgent({ spaceId: 's', agent: 'a', interrupt: true, sessionId: '' });
  t.same(lost, [S], 'what was held for it is let go, and asked for anew');
  const { heard } = connect();
  await turn();
  relay.stopAgent({ spaceId: 'another', agent: 'a', interrupt: true, sessionId: '' });
  relay.stopAgent({ spaceId: 's', agent: 'a', interrupt: false, sessionId: '' });
  relay.deliver(deliver(S, 2, 'later').value);
  await turn();
  t.match(heard, [
    { kind: 'welcome' },
    { kind: 'stopAgent', value: { agent: 'a', interrupt: false } },
    { kind: 'deliver', value: { seq: 2 } },
  ]);
});

t.test('an order to stop an agent of one session: its waiting messages can no longer have it asked', async (t) => {
  const { relay, connect } = relayed();
  const { value } = deliver(S, 1, 'held');
  relay.deliver({ ...value, agents: ['a', 'b'] });
  relay.stopAgent({ spaceId: 's', agent: 'a', interrupt: false, sessionId: 'another' });
  relay.stopAgent({ spaceId: 's', agent: 'b', interrupt: false, sessionId: S });
  const { heard } = connect();
  await turn();
  t.match(heard, [{ kind: 'welcome' }, { kind: 'deliver', value: { seq: 1, agent: 'a', agents: ['a'] } }]);
});

t.test('live workers are said anew on each stream, until their guest is gone; streams are opened by a guest that is there', async (t) => {
  const { relay, sent, connect } = relayed();
  const wanted = { sessionId: S, generation: 1, ticket: 'secret', kind: 'logs', parametersJson: '{}', credit: 1 };
  t.notOk(relay.openStream(wanted));
  const { guest, heard } = connect();
  guest.send({ kind: 'workers', value: { sessionId: 'another', workers: [{ agent: 'a', startedAtMs: 5 }], keptAwake: 0 } });
  await turn();
  t.ok(relay.openStream(wanted));
  await turn();
  t.match(heard.at(-1), { kind: 'openStream', value: wanted });
  relay.resend();
  const workers = { kind: 'workers', value: { sessionId: S, workers: [{ agent: 'a', startedAtMs: 5 }], keptAwake: 0 } };
  t.match(sent.splice(0), [workers, workers]);
  relay.adopted(S);
  t.match(sent.splice(0), [workers], 'a controller that did not know the session has ignored them');
  guest.close();
  await turn();
  t.match(sent.splice(0), [{ kind: 'workers', value: { sessionId: S, workers: [], keptAwake: 0 } }]);
  relay.resend();
  relay.adopted(S);
  t.same(sent, []);
  const awake = { kind: 'workers' as const, value: { sessionId: S, workers: [], keptAwake: 2 } };
  connect().guest.send(awake);
  await turn();
  relay.resend();
  t.match(sent.splice(0), [awake, awake], 'also that processes keep the session awake, without a worker');
});

t.test('a session that meets its limits is said once a minute, in the log, by a counter and to the controller', async (t) => {
  const clock = { ...systemClock, ms: 1000, monotonic: () => clock.ms };
  const lines: unknown[] = [];
  const metrics = prometheusMetrics({ processMetrics: false });
  const note = (event: string, fields?: object) => void lines.push({ event, ...fields });
  const { sent, connect } = relayed(7, { clock, metrics, log: { ...log, warn: note } });
  const meets = async (limit: string, afterMs: number) => {
    clock.ms += afterMs;
    connect().guest.send({ kind: 'limitReached', value: { sessionId: 'another', limit, value: 64, agent: 'a' } });
    await turn();
    await turn();
  };
  for (let at = 0; at < 5; at += 1) await meets('processes', 10_000);
  await meets('memory', 0);
  await meets('what no guest says', 0);
  const line = { event: 'session.limit-reached', session: S, limit: 64, agent: 'a' };
  t.match(lines, [
    { ...line, reason: 'process limit reached' },
    { ...line, reason: 'memory limit reached' },
  ]);
  t.equal(lines.length, 2);
  await meets('processes', 60_000);
  t.equal(lines.length, 3);
  t.same(
    sent.flatMap(({ kind, value }) => (kind === 'limitReached' ? [`${value.sessionId} ${value.limit}`] : [])),
    [`${S} processes`, `${S} memory`, `${S} processes`],
  );
  const text = await metrics.text();
  t.match(text, /session_limits_reached_total\{limit="processes"\} 2\n/);
  t.match(text, /session_limits_reached_total\{limit="memory"\} 1\n/);
});

/** Many sessions of one node, whose guests the test connects. */
function crowd(count: number) {
  const idOf = (at: number) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;
  const outbox = new Outbox();
  const wire = { left: Number.POSITIVE_INFINITY, sent: [] as NodeFrame[], faults: [] as string[] };
  const begin = () => {
    outbox.begin();
    outbox.connect({
      send(frame) {
        if (wire.left === 0) return false;
        wire.left -= 1;
        wire.sent.push(frame);
        return true;
      },
      end: (fault) => void wire.faults.push(fault.message),
    });
  };
  begin();
  const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };
  const spec = { space: 'default', spaceId: 's', image: 'i', agents: [], limits, volumeExpected: false };
  const lost: string[] = [];
  const relay = new Relay({
    ...{ outbox, clock: systemClock, log, guestChanged: () => undefined, drained: () => undefined },
    assignment: (sessionId) => ({ sessionId, generation: 1, desired: 'running', spec, graceMs: 0, settledSeq: 0 }),
    messagesLost: (sessionId) => lost.push(sessionId),
  });
  const guests = Array.from({ length: count }, (_, at) => {
    const sessionId = idOf(at);
    const state = { sessionId, isFull: true, isPaused: false, taken: 0 };
    let drain: () => void = () => undefined;
    let hear: (frame: GuestFrame) => void = () => undefined;
    relay.guest(sessionId, {
      send: (frame) => {
        if (frame.kind === 'deliver' && state.isFull) return false;
        if (frame.kind === 'deliver') state.taken += 1;
        return true;
      },
      onMessage: (listener) => {
        hear = listener;
      },
      onDrain: (listener) => {
        drain = listener;
      },
      onClose: () => undefined,
      close: () => undefined,
      pause: () => {
        state.isPaused = true;
      },
      resume: () => {
        state.isPaused = false;
      },
    });
    hear({
      kind: 'hello',
      value: { protocolVersion: 1, guestVersion: '', sessionId, acceptedSeq: 0, unsettled: 0, life: 1, streams: true, cancels: true },
    });
    return Object.assign(state, {
      say: (frame: GuestFrame) => hear(frame),
      read: () => {
        state.isFull = false;
        drain();
      },
    });
  });
  return { relay, guests, lost, outbox, wire, begin };
}

const MIB = 1024 * 1024;

t.test('messages for guests that do not read are bounded for all of them together, and none is lost for good', async (t) => {
  const { relay, guests, lost } = crowd(100);
  t.teardown(() => relay.close());
  const content = 'x'.repeat(MIB);
  for (let round = 0; round < 8; round += 1)
    for (const { sessionId } of guests) relay.deliver({ ...deliver(sessionId, round + 1, content).value, sessionId });
  for (const guest of guests) guest.read();
  const taken = guests.reduce((sum, guest) => sum + guest.taken, 0);
  t.ok(taken * MIB <= MAX_RELAYED.held, `${taken} MiB were held for a hundred guests`);
  t.ok(taken * MIB > MAX_RELAYED.held / 2);
  t.same(lost.toSorted(), guests.map(({ sessionId }) => sessionId).toSorted(), 'each is asked for again, once its guest reads');
});

t.test(
  'answers that are not settled are bounded for all guests together: past it they are not read, and then they are again',
  async (t) => {
    const { relay, guests } = crowd(100);
    t.teardown(() => relay.close());
    const content = 'x'.repeat(MIB);
    let said = 0;
    for (const guest of guests) {
      if (guest.isPaused) continue;
      guest.say(answer(`m-${guest.sessionId}`, content));
      said += 1;
      if (said * MIB >= MAX_RELAYED.answers) break;
    }
    t.equal(guests.filter(({ isPaused }) => isPaused).length, 1, 'the one that filled it');
    for (const guest of guests.slice(said)) guest.say(answer(`m-${guest.sessionId}`, content));
    const paused = guests.filter(({ isPaused }) => isPaused).length;
    t.equal(paused, 1 + guests.length - said, 'and whoever answers after it');
    for (const { sessionId } of guests) relay.settled({ sessionId, messageId: `m-${sessionId}`, upToSeq: 0 });
    t.equal(guests.filter(({ isPaused }) => isPaused).length, 0);
  },
);

t.test('answers of before are said on a new stream as it takes them, in their order, and never end it by being many', async (t) => {
  const { relay, guests, outbox, wire, begin } = crowd(48);
  t.teardown(() => relay.close());
  outbox.disconnect();
  const content = 'x'.repeat(MIB / 2);
  for (const guest of guests) for (const name of ['first', 'second']) guest.say(answer(`${name}-${guest.sessionId}`, content));
  wire.left = 4;
  relay.hold();
  begin();
  relay.resend();
  guests[47]?.say(answer(`third-${guests[47].sessionId}`));
  t.same(wire.faults, [], 'what waits is less than ends a stream');
  while (outbox.waiting > 0) {
    wire.left = 1;
    outbox.drained();
  }
  t.same(wire.faults, []);
  const said = wire.sent.flatMap((frame) => (frame.kind === 'answer' ? [frame.value.messageId] : []));
  const all = guests.flatMap(({ sessionId }) => [`first-${sessionId}`, `second-${sessionId}`]);
  t.same(said, [...all, `third-${guests[47]?.sessionId}`]);
});

t.test('a guest that says more than the stream takes is not read from, and ends the stream of no other', async (t) => {
  const { relay, guests, outbox, wire } = crowd(2);
  t.teardown(() => relay.close());
  const [noisy, other] = guests;
  if (noisy === undefined || other === undefined) throw new Error('no guests');
  wire.left = 0;
  let said = 0;
  for (; said < 100_000 && !noisy.isPaused; said += 1)
    noisy.say({ kind: 'accepted', value: { sessionId: '', generation: 0, messageId: `m${said}`, seq: 1, settled: false } });
  t.ok(noisy.isPaused);
  t.notOk(other.isPaused);
  t.same(wire.faults, []);
  wire.left = 100;
  outbox.drained();
  t.ok(noisy.isPaused === outbox.isCrowded);
  wire.left = Number.POSITIVE_INFINITY;
  outbox.drained();
  t.notOk(noisy.isPaused, 'it is read from again once the stream has taken it');
  t.equal(wire.sent.length, said, 'and nothing of it is lost');
});

t.test('a guest that started before byte streams existed keeps its connection, and is not asked for a stream', async (t) => {
  const { relay, connect } = relayed();
  t.teardown(() => relay.close());
  const open = { sessionId: S, generation: 7, ticket: 'ticket', kind: 'logs', parametersJson: '{}', credit: 0 };
  const old = connect(S, S, false);
  await turn();
  old.guest.send({ kind: 'log', value: {} });
  await turn();
  t.equal(old.closed, false, 'its log lines are ignored');
  t.equal(relay.openStream(open), false);
  const current = connect();
  await turn();
  t.equal(relay.openStream(open), true);
  await turn();
  t.match(current.heard.at(-1), { kind: 'openStream', value: open });
});

t.test('a cancelled message is in the welcome of each later guest until it is settled, and overtakes what waits', async (t) => {
  const { relay, connect } = relayed();
  const cancel = (seq: number) => ({ sessionId: S, messageId: `m${seq}`, seq, graceMs: 5 });
  const cancels = ({ heard }: { heard: readonly HostFrame[] }) =>
    heard.flatMap(({ kind, value }): (number | number[])[] => {
      if (kind === 'welcome') return [value.cancelled.map(({ seq }) => seq)];
      return kind === 'cancelMessage' ? [value.seq] : [];
    });
  relay.cancelMessage(cancel(1));
  const first = connect();
  await turn();
  await turn();
  relay.cancelMessage(cancel(2));
  relay.cancelMessage(cancel(3));
  await turn();
  await turn();
  t.same(cancels(first), [[1], 2, 3]);
  first.guest.close();
  relay.settled({ sessionId: S, messageId: 'm3', upToSeq: 0 });
  relay.settledUpTo(S, 1);
  const next = connect();
  await turn();
  await turn();
  t.same(cancels(next), [[2]]);
  next.guest.close();
  const old = connect(S, S, true, false);
  await turn();
  await turn();
  relay.cancelMessage(cancel(4));
  await turn();
  await turn();
  t.same(cancels(old), [[2]], 'a guest of an older release is not sent a frame that would end its connection');
});
