import t from 'tap';
import { keepPiece } from '../../../seams/pieces.ts';

t.test('what comes byte by byte is kept in few pieces, and large ones as they come', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.byteLength; at += 1) keepPiece(pieces, bytes.subarray(at, at + 1));
  t.same(Buffer.concat(pieces), bytes);
  t.ok(pieces.length < 100, `${pieces.length} pieces`);
  const large = Buffer.alloc(8 * 1024);
  keepPiece(pieces, large);
  t.equal(pieces.at(-1), large, 'not copied');
});
