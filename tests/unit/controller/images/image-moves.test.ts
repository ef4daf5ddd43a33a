/** How long a node that accepted a move can be silent. */
import t from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { ImageMoves, SILENT_MS } from '../../../../controller/services/images/image-moves.ts';
import { HandClock } from '../../hand-clock.ts';

const NODE = 'n1' as NodeId;
const push = { kind: 'pushImage', value: { image: 'i', repository: 'r', tag: 't' } } as const;
const pull = { kind: 'pullImage', value: { image: 'i', repository: 'r', digest: 'd' } } as const;

function world() {
  const clock = new HandClock();
  let passedAtMs: number | undefined;
  let sent = 0;
  const send = () => {
    sent += 1;
    return true;
  };
  const moves = new ImageMoves({ clock, send, passedAtMs: () => passedAtMs });
  const ended: string[] = [];
  const ask = (request: typeof push | typeof pull) =>
    moves.ask(NODE, request, new AbortController().signal).then(
      () => void ended.push('moved'),
      (error: Error) => void ended.push(error.message),
    );
  const passes = () => {
    passedAtMs = clock.monotonic();
  };
  return { clock, moves, ended, ask, passes, sent: () => sent };
}

t.test('a push or pull of a silent node ends, and with it all timers', async (t) => {
  for (const request of [push, pull]) {
    const { clock, moves, ended, ask } = world();
    void ask(request);
    const silentMs = SILENT_MS[request.kind];
    await clock.advance(silentMs - 1);
    t.same(ended, []);
    await clock.advance(1);
    t.same(ended, [`the node moved nothing for ${silentMs / 1000} seconds`]);
    t.equal(clock.timers, 0);
    t.notOk(moves.isMoving);
  }
});

t.test('each byte gives it more time, and its answer ends the watch', async (t) => {
  const { clock, moves, ended, ask, passes } = world();
  void ask(push);
  for (let step = 0; step < 20; step += 1) {
    await clock.advance(SILENT_MS.pushImage - 1);
    passes();
  }
  t.same(ended, []);
  moves.moved(NODE, { image: 'i', pushed: true, error: '' });
  await clock.advance(0);
  t.same(ended, ['moved']);
  t.equal(clock.timers, 0);
});

t.test('bytes of an earlier move do not count', async (t) => {
  const { clock, ended, ask, passes } = world();
  passes();
  await clock.advance(10 * SILENT_MS.pushImage);
  void ask(push);
  await clock.advance(SILENT_MS.pushImage - 1);
  t.same(ended, []);
  await clock.advance(1);
  t.equal(ended.length, 1);
});

t.test('a request is repeated to a node that connects again, unless its release moves no images', async (t) => {
  const { clock, moves, ended, ask, sent } = world();
  void ask(pull);
  moves.connected(NODE, true);
  t.equal(sent(), 2);
  moves.connected(NODE, false);
  await clock.advance(0);
  t.same([sent(), ended], [2, ['its node agent is of a release that moves no images']]);
  t.equal(clock.timers, 0);
});
