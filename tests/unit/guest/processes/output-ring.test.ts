import fc from 'fast-check';
import t from 'tap';
import { type OutputKind, OutputRing } from '../../../../guest/processes/output-ring.ts';

const MOST = 8192;

t.test('whatever is written, the newest bytes are read as they were written, from any offset', async () => {
  const writes = fc.array(
    fc.record({ kind: fc.constantFrom<OutputKind>('stdout', 'stderr'), length: fc.integer({ min: 1, max: 20_000 }) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(writes, fc.integer({ min: 1, max: 5000 }), (all, most) => {
      const ring = new OutputRing(MOST);
      const bytes: number[] = [];
      const kinds: OutputKind[] = [];
      for (const { kind, length } of all) {
        const piece = Buffer.from(Array.from({ length }, (_, at) => (bytes.length + at) % 251));
        ring.append(kind, piece);
        bytes.push(...piece);
        for (let at = 0; at < length; at += 1) kinds.push(kind);
      }
      if (ring.end !== bytes.length || ring.capacity > MOST || ring.end - ring.start > MOST) return false;
      if (bytes.length > 0 && ring.end - ring.start < Math.min(bytes.length, MOST)) return false;
      let at = ring.start;
      for (let piece = ring.read(at, most); piece !== undefined; piece = ring.read(at, most)) {
        for (const [index, byte] of piece.bytes.entries()) if (byte !== bytes[at + index] || piece.kind !== kinds[at + index]) return false;
        at += piece.bytes.byteLength;
      }
      return at === ring.end && ring.read(ring.start - 1, most) === undefined;
    }),
    { numRuns: 200 },
  );
});

t.test('outputs that alternate byte by byte keep fewer bytes', async (t) => {
  const ring = new OutputRing(1024 * 1024);
  for (let at = 0; at < 10_000; at += 1) ring.append(at % 2 === 0 ? 'stdout' : 'stderr', Buffer.from([at % 251]));
  t.equal(ring.end, 10_000);
  t.ok(ring.start > 5000);
  t.same(ring.read(ring.start, 10), { kind: ring.start % 2 === 0 ? 'stdout' : 'stderr', bytes: Buffer.from([ring.start % 251]) });
});

t.test('without memory it keeps what it can', async (t) => {
  let left = 4096;
  const ring = new OutputRing(MOST, (bytes) => {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  });
  for (let at = 0; at < 10; at += 1) ring.append('stdout', Buffer.alloc(1000, at));
  t.match(ring, { start: 10_000 - 4096, end: 10_000, capacity: 4096 });
  t.equal(ring.read(9000, 10)?.bytes[0], 9);
  ring.clear();
  t.match(ring, { start: 10_000, end: 10_000, capacity: 0 });
  ring.append('stderr', Buffer.from('lost'));
  t.match(ring, { start: 10_004, end: 10_004 });
});
