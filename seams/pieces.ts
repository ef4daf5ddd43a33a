/** From so many on, small pieces are joined: a bound counts bytes, and each piece costs a hundred more. */
const MANY_PIECES = 64;
const JOINED_BYTES = 4 * 1024;

/** Adds bytes that wait to others: who sends them one by one takes no more memory than with all at once. */
export function keepPiece(pieces: Buffer[], bytes: Buffer): void {
  const last = pieces.length < MANY_PIECES ? undefined : pieces.at(-1);
  if (last === undefined || last.byteLength + bytes.byteLength > JOINED_BYTES) pieces.push(bytes);
  else pieces[pieces.length - 1] = Buffer.concat([last, bytes]);
}
