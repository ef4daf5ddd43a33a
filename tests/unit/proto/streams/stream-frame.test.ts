import fc from 'fast-check';
import t from 'tap';
import { packageDefinition } from '../../../../proto/codec.ts';
import { STREAM_REASONS, type StreamReason } from '../../../../proto/streams/reasons.ts';
import { MAX_DATA_BYTES, OPEN_TAG, type StreamFrame, streamFrames } from '../../../../proto/streams/stream-frame.ts';

const type = packageDefinition['raworc.v0.StreamFrame'];
if (type === undefined || !('serialize' in type)) throw new Error('the descriptor lacks StreamFrame');
const library = type as unknown as { serialize(value: object): Buffer; deserialize(bytes: Buffer): Record<string, unknown> };

/** A frame in the words of the library. */
function wire(frame: StreamFrame): object {
  if (frame.kind === 'data') return { data: frame.bytes };
  if (frame.kind === 'credit') return { credit: frame.bytes };
  if (frame.kind === 'end') return { end: {} };
  if (frame.kind === 'open') return { open: frame.ticket === '' ? {} : { ticket: frame.ticket } };
  return { reset: frame.message === '' ? { reason: frame.reason } : { reason: frame.reason, message: frame.message } };
}

const frames: fc.Arbitrary<StreamFrame> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40_000 }).map((bytes) => ({ kind: 'data' as const, bytes: Buffer.from(bytes) })),
  fc.integer({ min: 1, max: 2 ** 40 }).map((bytes) => ({ kind: 'credit' as const, bytes })),
  fc.constant({ kind: 'end' as const }),
  fc.string({ maxLength: 40 }).map((ticket) => ({ kind: 'open' as const, ticket })),
  fc
    .record({
      reason: fc.constantFrom(...(Object.keys(STREAM_REASONS) as StreamReason[])),
      message: fc.string({ unit: 'grapheme', maxLength: 40 }),
    })
    .map((one) => ({ kind: 'reset' as const, ...one })),
);

t.test('frames are encoded and decoded like protobufjs does', async (t) => {
  fc.assert(
    fc.property(frames, (frame) => {
      const bytes = streamFrames.encode(frame);
      t.same(bytes, library.serialize(wire(frame)));
      t.same(streamFrames.decode(bytes), frame);
      t.match(library.deserialize(bytes), wire(frame));
      if (frame.kind === 'open') t.equal(bytes[0], OPEN_TAG);
    }),
    { numRuns: 300 },
  );
});

t.test('forwarded frames are not encoded again', async (t) => {
  const bytes = streamFrames.encode({ kind: 'data', bytes: Buffer.from('abc') });
  t.equal(streamFrames.encode(streamFrames.decode(bytes)).buffer, bytes.buffer, 'the bytes that came');
});

t.test('invalid bytes are refused, however they are split or joined', async (t) => {
  const end = streamFrames.encode({ kind: 'end' });
  const data = streamFrames.encode({ kind: 'data', bytes: Buffer.alloc(300) });
  const long = library.serialize({ data: Buffer.alloc(MAX_DATA_BYTES + 1) });
  const wrong = [
    Buffer.alloc(0),
    data.subarray(0, 100),
    Buffer.concat([end, end]),
    long,
    Buffer.from([0x12, 0]),
    Buffer.from([8]),
    Buffer.alloc(2 ** 20),
  ];
  for (const bytes of wrong) t.throws(() => streamFrames.decode(bytes), `${bytes.byteLength} bytes`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        streamFrames.decode(bytes);
      } catch (error) {
        t.ok(error instanceof Error && error.name !== 'RangeError' && error.name !== 'TypeError');
      }
    }),
  );
});
