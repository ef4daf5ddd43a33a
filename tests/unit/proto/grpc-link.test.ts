import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import t from 'tap';
import { openChannel } from '../../../node-agent/control/channel.ts';
import type { Dialer } from '../../../node-agent/control/dialer.ts';
import { grpcDialer } from '../../../node-agent/control/grpc-dialer.ts';
import { nodeFrames } from '../../../proto/codec.ts';
import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import { clientLink } from '../../../proto/grpc-link.ts';
import type { Link } from '../../../proto/link.ts';
import { connectMethod, defaultKeepalive } from '../../../proto/node-service.ts';
import { type Rig, silentLog, startRig } from '../controller/grpc/wire-rig.ts';

const NODE = '11111111-1111-4111-8111-111111111111';
const BOUND = { bytes: 256 * 1024, frames: 1000 };

interface Pair {
  readonly rig: Rig;
  readonly dialer: Dialer;
  readonly node: Link<NodeFrame, ControllerFrame>;
  readonly controller: Link<ControllerFrame, NodeFrame>;
}

async function connect(t: { teardown(run: () => unknown): unknown }, changes: Parameters<typeof startRig>[0] = {}): Promise<Pair> {
  const rig = await startRig({ outboundBound: BOUND, ...changes });
  t.teardown(() => rig.close());
  const identity1 = await rig.node(NODE);
  const dialer = grpcDialer({ identity: () => identity1, clock: rig.clock, log: silentLog, outboundBound: BOUND });
  t.teardown(() => dialer.close());
  const node = await dialer.dial(AbortSignal.timeout(15_000));
  const { link: controller } = await rig.nextArrival();
  return { rig, dialer, node, controller };
}

const heartbeat = (number: number): NodeFrame => ({ kind: 'heartbeat', value: { number } });
const delta = (number: number, text: string): NodeFrame => ({
  kind: 'delta',
  value: { sessionId: 's', messageId: 'm', runId: 'r', agent: 'a', number, text },
});
const closing = (link: { onClose(listener: (fault: Error | undefined) => void): void }) => {
  const faults: (Error | undefined)[] = [];
  const first = new Promise<Error | undefined>((resolve) =>
    link.onClose((fault) => {
      faults.push(fault);
      resolve(fault);
    }),
  );
  return { first, faults };
};
/** Resolves when `count` frames have come. */
const collect = <In>(link: Link<never, In> | Link<ControllerFrame, In> | Link<NodeFrame, In>, count: number) => {
  const frames: In[] = [];
  return new Promise<In[]>((resolve) =>
    link.onMessage((frame) => {
      frames.push(frame);
      if (frames.length === count) resolve(frames);
    }),
  );
};

t.test('frames of up to a megabyte arrive complete and in order, both ways', async (t) => {
  const { node, controller } = await connect(t);
  const big = 'ä'.repeat(512 * 1024);
  const up = collect(controller, 3);
  const down = collect(node, 2);
  t.ok(node.send(delta(1, big)), 'a frame above the bound is taken when nothing else waits');
  t.notOk(node.send(heartbeat(2)), 'nothing is, beside it');
  await new Promise<void>((resolve) => node.onDrain(resolve));
  t.ok(node.send(heartbeat(2)));
  t.ok(node.send(heartbeat(3)));
  t.ok(controller.send({ kind: 'heartbeatAck', value: { number: 7, leaseMs: 8, nowMs: 9, caDigest: 'ca' } }));
  t.ok(controller.send({ kind: 'settled', value: { sessionId: 's', messageId: 'm', upToSeq: 0 } }));
  t.strictSame(await up, [delta(1, big), heartbeat(2), heartbeat(3)]);
  t.match(await down, [{ kind: 'heartbeatAck', value: { number: 7, leaseMs: 8, nowMs: 9, caDigest: 'ca' } }, { kind: 'settled' }]);
});

t.test('a sender that found no room is notified once there is some, even if none of its frames was refused', async (t) => {
  const { node, controller } = await connect(t);
  t.ok(node.hasRoom?.());
  const arrived = collect(controller, 2);
  t.ok(node.send(delta(1, 'x'.repeat(BOUND.bytes / 2))));
  t.notOk(node.hasRoom?.(), 'large frames wait');
  const drained = new Promise<void>((resolve) => node.onDrain(resolve));
  t.ok(node.send(heartbeat(2)), 'small ones do not');
  await drained;
  t.ok(node.hasRoom?.());
  t.equal((await arrived).length, 2);
});

t.test('a paused receiver stops the sender, whose queue stays within its bound; after a resume everything arrives once', async (t) => {
  const { rig, node, controller } = await connect(t);
  const numbers: number[] = [];
  let drains = 0;
  const text = 'x'.repeat(16 * 1024);
  let sent = 0;
  const fill = () => {
    while (sent < 2000 && node.send(delta(sent, text))) sent += 1;
  };
  const all = new Promise<void>((resolve) =>
    controller.onMessage((frame) => {
      if (frame.kind === 'delta') numbers.push(frame.value.number);
      if (numbers.length === 1) controller.pause();
      if (numbers.length === 2000) resolve();
    }),
  );
  // Without a receiver that reads, drains stop once the windows and buffers between the two are full.
  const stalled = new Promise<void>((resolve) => {
    let quiet = rig.clock.after(300, resolve);
    node.onDrain(() => {
      drains += 1;
      quiet.cancel();
      quiet = rig.clock.after(300, resolve);
      fill();
    });
  });
  fill();
  await stalled;
  t.ok(sent < 200, `the sender stopped after ${sent} of 2000 frames of 16 KiB`);
  t.equal(numbers.length, 1);
  t.notOk(node.send(heartbeat(1)), 'what was refused once is refused until the drain');
  controller.resume();
  await all;
  t.strictSame(numbers, [...Array(2000).keys()]);
  t.ok(drains > 0);
});

t.test('the link ends once on each side, whichever side closes it', async (t) => {
  for (const side of ['node', 'controller'] as const) {
    const { node, controller } = await connect(t);
    const [atNode, atController] = [closing(node), closing(controller)];
    node.onMessage(() => {});
    const last = collect(controller, 1);
    if (side === 'node') {
      node.send(heartbeat(1));
      node.close();
      t.strictSame(await last, [heartbeat(1)], 'what was queued at close still arrives');
    } else {
      controller.onMessage(() => {});
      controller.close();
    }
    t.equal(await atNode.first, undefined, `closed by the ${side}`);
    t.equal(await atController.first, undefined);
    node.close();
    controller.close(new Error('too late'));
    t.notOk(node.send(heartbeat(2)));
    t.notOk(controller.send({ kind: 'settled', value: { sessionId: 's', messageId: 'm', upToSeq: 0 } }));
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(atNode.faults.length + atController.faults.length, 2);
    t.equal(await closing(node).first, undefined, 'who asks later is told too');
  }
});

t.test('errors are passed on: the controller’s with their message, the node’s as a lost call', async (t) => {
  const first = await connect(t);
  first.node.onMessage(() => {});
  first.controller.onMessage(() => {});
  const [atNode, atController] = [closing(first.node), closing(first.controller)];
  const fault = new Error('another process has connected as this node');
  first.controller.close(fault);
  t.equal(await atController.first, fault);
  t.match((await atNode.first)?.message, /ABORTED: another process has connected as this node/);

  const second = await connect(t);
  const [cancelledAtNode, cancelledAtController] = [closing(second.node), closing(second.controller)];
  second.node.close(new Error('mine'));
  t.match(await cancelledAtNode.first, { message: 'mine' });
  t.match(await cancelledAtController.first, { message: 'the connection was lost' });
});

t.test('invalid bytes, or a listener that throws, end the link with the error', async (t) => {
  const { rig, node, controller } = await connect(t);
  const atController = closing(controller);
  controller.onMessage(() => {
    throw new Error('no such session');
  });
  node.send(heartbeat(1));
  t.match(await atController.first, { message: 'no such session' });

  const identity = await rig.node(NODE);
  const client = openChannel(identity.controllers[0] ?? '', { caPem: identity.caPem, own: identity }, defaultKeepalive);
  t.teardown(() => client.close());
  const stream = client.makeBidiStreamRequest(connectMethod.path, connectMethod.serialize, connectMethod.deserialize);
  const rubbish = { encode: () => Buffer.from([0xff, 0xff, 0xff, 0xff]), decode: (): NodeFrame => heartbeat(0) };
  const link = clientLink(stream, { outgoing: rubbish, incoming: rubbish, clock: rig.clock });
  const atNode = closing(link);
  link.onMessage(() => {});
  const arrival = await rig.nextArrival();
  const ended = closing(arrival.link);
  arrival.link.onMessage(() => {});
  link.send(heartbeat(1));
  t.match(await ended.first, { name: 'ProtocolError' });
  t.match((await atNode.first)?.message, /ABORTED/);
});

t.test('a frame longer than the protocol allows ends its sender’s link', async (t) => {
  const { node, controller } = await connect(t);
  const ended = closing(node);
  const atController = closing(controller);
  t.ok(nodeFrames.encode(delta(1, 'x'.repeat(9_000_000))).byteLength > 8 * 1024 * 1024);
  t.notOk(node.send(delta(1, 'x'.repeat(9_000_000))));
  t.match((await ended.first)?.message, /exceeds the limit of the protocol/);
  await atController.first;
});

t.test('frames wait until there is a listener, and while reading is paused', async (t) => {
  const { node, controller } = await connect(t);
  const aWhile = async () => {
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  for (const number of [1, 2, 3]) node.send(heartbeat(number));
  await aWhile();
  controller.pause();
  let early = 0;
  controller.onMessage(() => {
    early += 1;
  });
  await aWhile();
  t.equal(early, 0);
  const all = collect(controller, 3);
  controller.resume();
  t.strictSame(await all, [1, 2, 3].map(heartbeat));
});

t.test('a source of 5 MiB is sent in chunks, to the permitted node only', async (t) => {
  const source = randomBytes(5 * 1024 * 1024);
  const opened: Readable[] = [];
  async function* fail() {
    yield Buffer.alloc(1000);
    throw new Error('a path of the inside');
  }
  const changes = {
    canFetch: (nodeId: string, digest: string) => nodeId === NODE && digest !== 'sha256:secret',
    openSource(digest: string) {
      if (digest === 'sha256:broken') return Readable.from(fail());
      if (digest !== 'sha256:five') return undefined;
      const readable = Readable.from([source.subarray(0, 3_000_000), source.subarray(3_000_000)]);
      opened.push(readable);
      return readable;
    },
  };
  const { rig, dialer } = await connect(t, changes);
  const signal = AbortSignal.timeout(15_000);
  const pieces: Uint8Array[] = [];
  for await (const piece of dialer.fetchSource('sha256:five', signal)) pieces.push(piece);
  t.ok(Buffer.concat(pieces).equals(source));
  t.ok(pieces.every((piece) => piece.byteLength <= 256 * 1024));

  const identity2 = await rig.node('22222222-2222-4222-8222-222222222222');
  const other = grpcDialer({ identity: () => identity2, clock: rig.clock, log: silentLog });
  t.teardown(() => other.close());
  const first = (from: Dialer, digest: string) => from.fetchSource(digest, signal)[Symbol.asyncIterator]().next();
  await t.rejects(first(other, 'sha256:five'), { code: 'refused', message: /no build with that source/ });
  await t.rejects(first(dialer, 'sha256:secret'), { code: 'refused', message: /no build with that source/ });
  await t.rejects(first(dialer, 'sha256:none'), { code: 'refused', message: /no build with that source/ });
  await t.rejects(
    async () => {
      for await (const _ of dialer.fetchSource('sha256:broken', signal));
    },
    { code: 'refused', message: /Its log has the details/ },
    'a source that breaks off is no end',
  );

  for await (const _ of dialer.fetchSource('sha256:five', signal)) break;
  const last = opened.at(-1);
  if (last !== undefined && !last.closed) await new Promise((resolve) => last.once('close', resolve));
  t.ok(
    opened.every((readable) => readable.destroyed),
    'each source was closed, also that of a fetch given up',
  );
});
