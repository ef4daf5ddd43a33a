import t from 'tap';
import { newsOnBus } from '../../../../controller/bus/news.ts';
import { openBus, openNews } from '../../../../controller/bus/open-bus.ts';
import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { EVENT_TYPE, EVENT_TYPES, type StoredEvent } from '../../../../controller/domain/events/events.ts';
import { systemClock } from '../../../../seams/system.ts';
import { busPair } from './in-process.ts';
import { keptLog } from './kept-log.ts';
import { busSuite } from './suite.ts';

const SPACE = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0001' as SpaceId;
const SESSION = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0002' as SessionId;

const wire = { epoch: 1, number: 1, session_number: null, space_id: null, session_id: null, at: '2026-01-01T00:00:00.000Z', data: {} };

t.test('between two in this process', (t) =>
  busSuite(t, async (t, maxPendingBytes) => {
    const pair = busPair({ clock: systemClock, log: keptLog(), ...(maxPendingBytes === undefined ? {} : { maxPendingBytes }) });
    t.teardown(() => Promise.all(pair.map((bus) => bus.close())));
    return pair;
  }),
);

t.test('news arrives as it was said, and what does not fit is dropped', async (t) => {
  const log = keptLog();
  const [bus, other] = busPair({ clock: systemClock, log });
  t.teardown(() => Promise.all([bus.close(), other.close()]));
  const news = newsOnBus(bus, log);
  const heard: unknown[] = [];
  const subjects: string[] = [];
  other.subscribe('raworc.>', (subject) => subjects.push(subject));
  const listening = newsOnBus(other, log).listen({
    event: (epoch, event) => heard.push({ epoch, event }),
    newest: (position) => heard.push(position),
    delta: (delta) => heard.push(delta),
  });
  const ofSession: StoredEvent = {
    number: 7,
    sessionNumber: 2,
    type: 'session.state',
    spaceId: SPACE,
    sessionId: SESSION,
    at: 1_700_000_000_123,
    data: { session: { name: 'ä"\n' } },
  };
  const ofNode: StoredEvent = {
    ...ofSession,
    number: 8,
    sessionNumber: null,
    type: 'node.joined',
    spaceId: null,
    sessionId: null,
    data: {},
  };
  const delta = { spaceId: SPACE, sessionId: SESSION, messageId: 'm', runId: 'r', agent: 'a', number: 1, text: 'Hel' };
  t.equal(news.event(3, ofSession), 'sent');
  t.equal(news.event(3, ofNode), 'sent');
  t.ok(news.delta(delta));
  t.ok(news.newest({ epoch: 3, number: 8 }));
  const bad = ['', '{', 'null', '{"epoch":3}', '{"epoch":3,"number":-1}'];
  for (const payload of bad) bus.publish('raworc.newest', new TextEncoder().encode(payload));
  t.equal(news.event(3, { ...ofSession, data: { text: 'x'.repeat(bus.maxPayloadBytes) } }), 'too large');
  t.ok(await news.flush());
  t.same(heard, [{ epoch: 3, event: ofSession }, { epoch: 3, event: ofNode }, delta, { epoch: 3, number: 8 }]);
  t.same(subjects.slice(0, 4), [
    `raworc.events.${SPACE}.${SESSION}.session.state`,
    'raworc.events._._.node.joined',
    `raworc.deltas.${SPACE}.${SESSION}`,
    'raworc.newest',
  ]);
  t.same(
    log.events,
    bad.map(() => 'bus.unreadable'),
  );
  t.throws(() => news.delta({ ...delta, sessionId: 'a b\r\nPUB x 1' as SessionId }), 'a subject is never made of anything but tokens');
  listening.close();
  news.newest({ epoch: 3, number: 9 });
  t.ok(await news.flush());
  t.equal(heard.length, 4);
});

t.test('every type of event there is arrives: one grammar holds them all', async (t) => {
  const log = keptLog();
  const [bus, other] = busPair({ clock: systemClock, log });
  t.teardown(() => Promise.all([bus.close(), other.close()]));
  const news = newsOnBus(bus, log);
  const heard: string[] = [];
  const listening = newsOnBus(other, log).listen({
    event: (_epoch, { type }) => void heard.push(type),
    newest: () => undefined,
    delta: () => undefined,
  });
  for (const [at, type] of EVENT_TYPES.entries()) {
    const event = { number: at + 1, sessionNumber: null, type, spaceId: SPACE, sessionId: null, at: 1, data: {} };
    t.equal(news.event(1, event), 'sent', type);
    t.match(type, EVENT_TYPE);
  }
  t.ok(await news.flush());
  t.same(heard, EVENT_TYPES);
  t.same(log.events, []);
  for (const bad of ['x', 'x.', '.y', 'X.y', 'a b.c', 'a.b.c', 'a-.b', '-a.b', 'a.b_', 'a..b', `a.${'b'.repeat(99)}`]) {
    bus.publish('raworc.events._._.x', new TextEncoder().encode(JSON.stringify({ ...wire, type: bad })));
  }
  t.ok(await news.flush());
  t.same(heard, EVENT_TYPES, 'and nothing else');
  listening.close();
});

t.test('a controller alone says its news to nobody, and encodes none', async (t) => {
  const bus = openBus(undefined, { clock: systemClock, log: keptLog() });
  const news = openNews(undefined, bus, keptLog());
  t.ok(bus.connected);
  const data = { toJSON: () => t.fail('encoded') };
  t.equal(news.event(1, { number: 1, sessionNumber: null, type: 'node.joined', spaceId: null, sessionId: null, at: 1, data }), 'sent');
  const of = { spaceId: SPACE, sessionId: 'session' as SessionId, runId: 'r', agent: 'a', ...data };
  t.ok(news.delta({ ...of, messageId: 'm', number: 1, text: 'x' }));
  t.ok(await news.flush());
  await bus.close();
  t.notOk(bus.connected);
});
