import t from 'tap';
import { Outbox } from '../../../../node-agent/control/outbox.ts';
import { GUEST_RATES, GuestPace } from '../../../../node-agent/guests/guest-pace.ts';
import { Relay } from '../../../../node-agent/guests/relay.ts';
import type { GuestFrame, HostFrame, NodeFrame } from '../../../../proto/frame.ts';
import { linkPair } from '../../../hollow/link-pair.ts';
import { batching, silent } from '../../controller/core.ts';
import { HandClock } from '../../hand-clock.ts';

const line: GuestFrame = {
  kind: 'delta',
  value: { sessionId: '', messageId: 'm', runId: 'r', agent: 'a', number: 1, text: 'x' },
};
const accepted: GuestFrame = { kind: 'accepted', value: { sessionId: '', generation: 0, messageId: 'm', seq: 1, settled: false } };

t.test('a guest is heard at its rates, and what it prints takes nothing from what it answers', (t) => {
  const pace = new GuestPace();
  let rests = 0;
  for (let i = 0; i < GUEST_RATES.output.burst; i += 1) rests += pace.heard(line, 0);
  t.equal(rests, 0);
  t.ok(pace.heard(line, 0) > 0);
  t.equal(pace.heard(accepted, 0), 0);
  t.equal(pace.heard(line, 10_000), 0, 'after a rest it is heard again');
  t.end();
});

t.test('a guest that floods its node is not read for a while, and another one is', async (t) => {
  const clock = new HandClock();
  const sent: NodeFrame[] = [];
  const outbox = new Outbox();
  outbox.begin();
  outbox.connect({ send: (frame) => sent.push(frame) > 0, end: () => undefined });
  const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };
  const spec = { space: 'default', spaceId: 's', image: 'i', agents: [], limits, volumeExpected: false };
  const relay = new Relay({
    ...{ outbox, clock: batching(clock), log: silent },
    assignment: (sessionId) => ({ sessionId, generation: 1, desired: 'running', spec, graceMs: 0, settledSeq: 0 }),
    ...{ guestChanged: () => undefined, drained: () => undefined, messagesLost: () => undefined },
  });
  t.teardown(() => relay.close());
  const connect = (sessionId: string) => {
    const [host, guest] = linkPair<HostFrame, GuestFrame>(batching(clock));
    const moves: string[] = [];
    const { pause, resume } = host;
    host.pause = () => {
      moves.push('pause');
      pause.call(host);
    };
    host.resume = () => {
      moves.push('resume');
      resume.call(host);
    };
    relay.guest(sessionId, host);
    guest.send({
      kind: 'hello',
      value: { protocolVersion: 1, guestVersion: '', sessionId, acceptedSeq: 0, unsettled: 0, life: 1, streams: true, cancels: true },
    });
    return { guest, moves };
  };
  const flooding = connect('a');
  const other = connect('b');
  await clock.advance(0);
  for (let i = 0; i <= GUEST_RATES.rest.burst; i += 1) flooding.guest.send(accepted);
  await clock.advance(0);
  t.same(flooding.moves, ['pause']);
  const before = sent.length;
  other.guest.send(accepted);
  await clock.advance(0);
  t.ok(sent.length > before, 'the other is heard');
  t.same(other.moves, []);
  await clock.advance(1_000);
  t.equal(flooding.moves.at(-1), 'resume');
});
