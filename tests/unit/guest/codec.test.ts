import t from 'tap';
import * as full from '../../../proto/codec.ts';
import type { GuestFrame, HostFrame } from '../../../proto/frame.ts';
import * as lean from '../../../proto/lean-codec.ts';
import { seeded } from '../journal/simulated-disk.ts';

/** Frames with every field, of values at random, defaults and extremes among them. */
function frames(seed: number): { guest: GuestFrame[]; host: HostFrame[] } {
  const fraction = seeded(seed);
  const pick = <T>(...values: readonly [T, ...T[]]): T => values[Math.floor(fraction() * values.length)] ?? values[0];
  const text = () => pick('', 'a', 'ü€😀', 'x'.repeat(200), '\u0000\n"');
  const uint = () => pick(0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER);
  const small = () => pick(0, 1, 127, 128, 70_000, 2 ** 32 - 1);
  const ids = () => ({ sessionId: text(), generation: uint(), messageId: text() });
  const agent = () => ({
    ...{ name: text(), handler: text(), idempotent: pick(true, false), timeoutS: small(), memoryBytes: uint(), concurrency: small() },
    runtime: pick<'RUNTIME_UNSPECIFIED' | 'PYTHON' | 'NATIVE'>('RUNTIME_UNSPECIFIED', 'PYTHON', 'NATIVE'),
  });
  const cancel = () => ({ sessionId: text(), messageId: text(), seq: uint(), graceMs: uint() });
  const outcome = () => pick<'OUTCOME_UNSPECIFIED' | 'REPLY' | 'ERROR'>('OUTCOME_UNSPECIFIED', 'REPLY', 'ERROR');
  const hop = () => ({
    ...{ id: text(), parentId: text(), fromAgent: text(), toAgent: text(), runId: text(), content: text(), answer: text() },
    ...{ reason: text(), askedAtMs: uint(), waitedMs: uint(), durationMs: uint(), truncated: pick(true, false) },
    kind: pick<'HOP_KIND_UNSPECIFIED' | 'ASK' | 'HANDOFF'>('HOP_KIND_UNSPECIFIED', 'ASK', 'HANDOFF'),
    outcome: outcome(),
  });
  const texts = () => Array.from({ length: pick(0, 1, 3) }, text);
  const routed = () => ({ name: text(), purpose: text(), description: text(), capabilities: texts() });
  const router = () =>
    pick(null, {
      ...{ api: text(), baseUrl: text(), model: text(), keySecret: text(), maxTokens: small(), timeoutS: small() },
      agents: Array.from({ length: pick(0, 1, 3) }, routed),
    });
  const environment = () => pick<Record<string, string>>({}, { A: text() }, { KEY: text(), OTHER: '', ümlaut: 'y' });
  return {
    guest: [
      {
        kind: 'hello',
        value: {
          protocolVersion: small(),
          guestVersion: text(),
          sessionId: text(),
          acceptedSeq: uint(),
          unsettled: small(),
          life: uint(),
          streams: true,
          cancels: uint() % 2 === 0,
        },
      },
      { kind: 'accepted', value: { ...ids(), seq: uint(), settled: uint() % 2 === 0 } },
      { kind: 'runStarted', value: { ...ids(), runId: text(), agent: text(), hop: pick(null, hop()) } },
      { kind: 'delta', value: { sessionId: text(), messageId: text(), runId: text(), agent: text(), number: uint(), text: text() } },
      {
        kind: 'answer',
        value: {
          ...{ ...ids(), runId: text(), agent: text(), content: text(), reason: text(), durationMs: uint() },
          outcome: outcome(),
          hops: Array.from({ length: pick(0, 1, 3) }, hop),
          model: text(),
        },
      },
      { kind: 'drained', value: { acceptedSeq: uint() } },
    ],
    host: [
      {
        kind: 'welcome',
        value: {
          ...{ protocolVersion: small(), sessionId: text(), generation: uint(), space: text() },
          agents: Array.from({ length: pick(0, 1, 3) }, agent),
          drain: pick(null, { graceMs: uint() }),
          settledSeq: uint(),
          cancelled: Array.from({ length: pick(0, 1, 3) }, cancel),
          startWorkers: pick(true, false),
        },
      },
      {
        kind: 'deliver',
        value: {
          ...ids(),
          seq: uint(),
          agent: text(),
          content: text(),
          contextJson: text(),
          afterSeq: uint(),
          secretsVersion: uint(),
          agents: pick<string[]>([], ['a', text()]),
          router: router(),
        },
      },
      { kind: 'settled', value: { sessionId: text(), messageId: text(), upToSeq: uint() } },
      { kind: 'cancelMessage', value: cancel() },
      { kind: 'drain', value: { graceMs: uint() } },
      { kind: 'secrets', value: { sessionId: text(), version: uint(), values: environment(), withheld: texts() } },
    ],
  };
}

t.test('the guest’s codec and the library read each other’s frames, with the same values', async (t) => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const { guest, host } = frames(seed);
    const seen: unknown[] = [];
    for (const frame of guest) {
      seen.push(full.guestFrames.decode(lean.guestFrames.encode(frame)));
      seen.push(lean.guestFrames.decode(full.guestFrames.encode(frame)));
    }
    for (const frame of host) {
      seen.push(full.hostFrames.decode(lean.hostFrames.encode(frame)));
      seen.push(lean.hostFrames.decode(full.hostFrames.encode(frame)));
    }
    const expected = [...guest, ...host].flatMap((frame) => [frame, frame]);
    t.strictSame(JSON.parse(JSON.stringify(seen)), JSON.parse(JSON.stringify(expected)), `seed ${seed}`);
  }
});

t.test('invalid frames are refused, and fields of a newer version are skipped', async (t) => {
  const bytes = lean.guestFrames.encode({
    kind: 'accepted',
    value: { sessionId: 's', generation: 1, messageId: 'm', seq: 2, settled: false },
  });
  for (const [name, bad] of [
    ['empty', Buffer.alloc(0)],
    ['cut off', bytes.subarray(0, bytes.byteLength - 1)],
    ['no end of a number', Buffer.alloc(12, 0xff)],
    ['a group', Buffer.from([0x0b])],
    ['an unknown kind', Buffer.from([0xfa, 0x01, 0x00])],
  ] as const) {
    t.throws(() => lean.guestFrames.decode(bad), full.ProtocolError, name);
  }
  t.strictSame(lean.guestFrames.decode(Buffer.concat([bytes, Buffer.from([0x98, 0x06, 0x01])])), lean.guestFrames.decode(bytes));
});
