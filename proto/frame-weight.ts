import { ProtocolError } from './protocol-error.ts';

/**
 * Maximum number of fields in a frame, and in its message. A decoded field can take a hundred times
 * its encoded size.
 */
const MAX_FRAME_FIELDS = 8;
const MAX_FIELDS = 25_000;

/**
 * Throws {@link ProtocolError} for bytes that would decode into far more memory than they take: an
 * empty list element is two bytes encoded and hundreds decoded. Leaves malformed bytes to the
 * decoder.
 */
export function checkWeight(bytes: Uint8Array, name: string): void {
  let fields = 0;
  for (const field of fieldsOf(bytes, 0, bytes.byteLength)) {
    fields += 1;
    if (fields > MAX_FRAME_FIELDS) throw new ProtocolError(`a ${name} with more than one message`);
    let inner = 0;
    for (const _ of fieldsOf(bytes, field.start, field.end)) {
      inner += 1;
      if (inner > MAX_FIELDS) throw new ProtocolError(`a ${name} with more than ${MAX_FIELDS} fields`);
    }
  }
}

/**
 * Yields the fields of an encoded Protocol Buffers message; those with a length have a start and an
 * end.
 */
function* fieldsOf(bytes: Uint8Array, from: number, to: number): Generator<{ readonly start: number; readonly end: number }> {
  let at = from;
  /** Lengths fit in 32 bits. */
  const number = (): number => {
    let value = 0;
    for (let shift = 0; at < to; shift += 7) {
      const byte = bytes[at] ?? 0;
      at += 1;
      if (shift < 32) value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < to) {
    const wireType = number() % 8;
    if (wireType === 0) number();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = number();
      yield { start: at, end: Math.min(to, at + length) };
      at += length;
      continue;
    } else if (wireType > 5) return; // not a valid wire type
    yield { start: at, end: at };
  }
}
