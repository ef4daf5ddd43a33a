import fc from 'fast-check';
import t from 'tap';
import type { StreamFrame } from '../../../../proto/streams/stream-frame.ts';
import { Credit, MAX_CREDIT_BYTES, StreamState } from '../../../../proto/streams/stream-state.ts';

/** One end and what it has sent that has not arrived. */
class Side {
  readonly state: StreamState;
  readonly sent: StreamFrame[] = [];
  /** Every byte has a number. */
  next = 0;
  readonly read: number[] = [];
  readonly unread: number[][] = [];
  ends = 0;
  endsHeard = 0;
  resets = 0;
  resetsHeard = 0;
  readonly window: number;

  constructor(credit: number, window: number, granted: number) {
    this.window = window;
    this.state = new StreamState({ credit, window, granted });
    this.grant(this.state.credits());
  }

  grant(bytes: number): void {
    if (bytes > 0) this.sent.push({ kind: 'credit', bytes });
  }

  write(length: number): void {
    const bytes = Math.min(length, this.state.credit);
    if (bytes === 0 || this.state.hasSentEnd || this.state.isOver) return;
    this.state.send(bytes);
    this.sent.push({ kind: 'data', bytes: Buffer.from(Array.from({ length: bytes }, () => this.next++ % 256)) });
  }

  end(): void {
    if (!this.state.end()) return;
    this.ends += 1;
    this.sent.push({ kind: 'end' });
  }

  reset(): void {
    if (!this.state.reset()) return;
    this.resets += 1;
    this.sent.push({ kind: 'reset', reason: 'cancelled', message: '' });
  }

  consume(): void {
    const bytes = this.unread.shift();
    if (bytes === undefined) return;
    this.read.push(...bytes);
    this.grant(this.state.consume(bytes.length));
  }

  hear(frame: StreamFrame): string | undefined {
    const wasOver = this.state.isOver;
    const fault = this.state.hear(frame);
    if (wasOver || fault !== undefined) return fault;
    if (frame.kind === 'data') this.unread.push([...frame.bytes]);
    if (frame.kind === 'end') this.endsHeard += 1;
    if (frame.kind === 'reset') this.resetsHeard += 1;
    return undefined;
  }
}

type Act = readonly ['write', 0 | 1, number] | readonly ['end' | 'reset' | 'consume' | 'deliver', 0 | 1];
const side = fc.constantFrom(0 as const, 1 as const);
const acts = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('write' as const), side, fc.integer({ min: 1, max: 300 })) },
    { weight: 6, arbitrary: fc.tuple(fc.constant('deliver' as const), side) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('consume' as const), side) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('end' as const), side) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('reset' as const), side) },
  ) as fc.Arbitrary<Act>,
  { maxLength: 200 },
);

t.test(
  'whatever both ends do, bytes arrive once and in order, each end is reported once, and nobody sends more than granted',
  async (t) => {
    let whole = 0;
    fc.assert(
      fc.property(acts, fc.integer({ min: 4, max: 500 }), fc.integer({ min: 4, max: 500 }), fc.boolean(), (acts, left, right, early) => {
        const sides = [new Side(early ? right : 0, left, 0), new Side(0, right, early ? right : 0)] as const;
        const step = ([what, at, length]: readonly [string, 0 | 1, number?]) => {
          const own = sides[at];
          if (what === 'write') own.write(length ?? 0);
          else if (what === 'end') own.end();
          else if (what === 'reset') own.reset();
          else if (what === 'consume') own.consume();
          else {
            const frame = own.sent.shift();
            if (frame !== undefined) t.equal(sides[at === 0 ? 1 : 0].hear(frame), undefined, 'nothing that an honest end sends is a fault');
          }
          for (const one of sides) {
            const unread = one.unread.reduce((sum, bytes) => sum + bytes.length, 0);
            if (one.state.credit < 0 || one.state.granted < 0 || unread + one.state.granted > one.window)
              throw new Error('beyond the window');
          }
        };
        for (const act of acts) step(act);
        const isReset = sides.some(({ resets }) => resets > 0);
        // Everything that can happen happens, and both close.
        for (let turn = 0; turn < 3; turn += 1) {
          for (const at of [0, 1] as const) {
            while (sides[at].sent.length > 0) step(['deliver', at]);
            while (sides[at].unread.length > 0) step(['consume', at]);
            step(['end', at]);
          }
        }
        for (const at of [0, 1] as const) {
          const own = sides[at];
          const other = sides[at === 0 ? 1 : 0];
          const expected = Array.from({ length: own.next }, (_, byte) => byte % 256);
          if (other.read.some((byte, index) => byte !== expected[index])) throw new Error('out of order');
          if (!isReset && other.read.length !== own.next) throw new Error('bytes were lost');
          if (own.ends > 1 || own.endsHeard > 1 || own.resets > 1 || own.resetsHeard > 1) throw new Error('said twice');
          if (!own.state.isOver) throw new Error('not over');
        }
        if (!isReset) whole += 1;
      }),
      { numRuns: 400 },
    );
    t.ok(whole > 20, `${whole} of them ended without a reset`);
  },
);

t.test('a violation of the protocol is detected', async (t) => {
  const state = () => new StreamState({ credit: 10, window: 10, granted: 10 });
  const data = (length: number): StreamFrame => ({ kind: 'data', bytes: Buffer.alloc(length) });
  t.match(state().hear(data(11)), /more data than was granted/);
  t.match(state().hear({ kind: 'credit', bytes: MAX_CREDIT_BYTES }), /more credit/);
  t.match(state().hear({ kind: 'credit', bytes: 0 }), /more credit/);
  t.match(state().hear({ kind: 'open', ticket: 'x' }), /second ticket/);
  const ended = state();
  t.equal(ended.hear({ kind: 'end' }), undefined);
  t.match(ended.hear(data(1)), /after the end/);
  t.match(ended.hear({ kind: 'end' }), /second end/);
  t.throws(() => state().send(11), /not granted/);
  const credit = new Credit(5);
  t.notOk(credit.take(6));
  t.equal(credit.left, 5, 'nothing is taken');
});
