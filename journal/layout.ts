/**
 * The layout of a journal file:
 *
 *     header   magic (8), sequence (u64), snapshot bytes (u32), snapshot seal (u32),
 *              crc32 of all before (u32), zeroes
 *     records  length (u32), seal (u32), payload; big-endian
 *
 * A record's seal is the crc32 of its length and payload, continued from the seal before it; the
 * first one continues from the header's. So bytes of an earlier use of the same space never pass
 * for a record, whatever their alignment.
 */
import { crc32 } from 'node:zlib';
import type { DiskFile } from '../seams/disk.ts';

export const HEADER_BYTES = 64;
export const RECORD_OVERHEAD_BYTES = 8;
/** A longer record is damage. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024;
const CRC_AT = 24;
const MAGIC = Buffer.from('raworcJ1', 'latin1');
const READ_BYTES = 64 * 1024;

/** Encoded records, and the seal from which the next record continues. */
export interface Sealed {
  readonly bytes: Buffer;
  readonly seal: number;
}

export function sealRecords(records: readonly Uint8Array[], seal: number): Sealed {
  const bytes = Buffer.allocUnsafe(records.reduce((sum, record) => sum + RECORD_OVERHEAD_BYTES + record.byteLength, 0));
  let at = 0;
  let last = seal;
  for (const record of records) {
    bytes.writeUInt32BE(record.byteLength, at);
    last = crc32(record, crc32(bytes.subarray(at, at + 4), last));
    bytes.writeUInt32BE(last, at + 4);
    bytes.set(record, at + RECORD_OVERHEAD_BYTES);
    at += RECORD_OVERHEAD_BYTES + record.byteLength;
  }
  return { bytes, seal: last };
}

/** Encodes a whole file with `records`: header and snapshot, valid only when complete. */
export function sealSnapshot(sequence: bigint, records: readonly Uint8Array[]): Sealed {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64BE(sequence, 8);
  const snapshot = sealRecords(records, firstSeal(sequence));
  header.writeUInt32BE(snapshot.bytes.byteLength, 16);
  header.writeUInt32BE(snapshot.seal, 20);
  header.writeUInt32BE(crc32(header.subarray(0, CRC_AT)), CRC_AT);
  return { bytes: Buffer.concat([header, snapshot.bytes]), seal: snapshot.seal };
}

function firstSeal(sequence: bigint): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(sequence);
  return crc32(bytes);
}

export interface Header {
  readonly sequence: bigint;
  readonly snapshotBytes: number;
  readonly snapshotSeal: number;
}

export async function readHeader(file: DiskFile): Promise<Header | undefined> {
  const bytes = Buffer.from(await file.read(0, HEADER_BYTES));
  if (bytes.byteLength < HEADER_BYTES || !bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) return undefined;
  if (bytes.readUInt32BE(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT))) return undefined;
  return { sequence: bytes.readBigUInt64BE(8), snapshotBytes: bytes.readUInt32BE(16), snapshotSeal: bytes.readUInt32BE(20) };
}

/**
 * Returns the records before the first torn or damaged one; undefined when that one is in the
 * snapshot.
 */
export async function readRecords(file: DiskFile, header: Header): Promise<Uint8Array[] | undefined> {
  const records: Uint8Array[] = [];
  const snapshotEnd = HEADER_BYTES + header.snapshotBytes;
  const size = await file.size();
  let seal = firstSeal(header.sequence);
  let at = HEADER_BYTES;
  let whole = header.snapshotBytes === 0 && seal === header.snapshotSeal;
  let window = Buffer.alloc(0);
  let windowAt = at;
  const take = async (position: number, length: number): Promise<Buffer> => {
    if (position + length > windowAt + window.byteLength) {
      window = Buffer.from(await file.read(position, Math.min(size - position, Math.max(length, READ_BYTES))));
      windowAt = position;
    }
    return window.subarray(position - windowAt, position - windowAt + length);
  };
  while (at + RECORD_OVERHEAD_BYTES <= size) {
    const head = await take(at, RECORD_OVERHEAD_BYTES);
    const length = head.readUInt32BE(0);
    const expected = head.readUInt32BE(4);
    const end = at + RECORD_OVERHEAD_BYTES + length;
    if (length > MAX_RECORD_BYTES || end > size) break;
    const lengthSeal = crc32(head.subarray(0, 4), seal);
    const payload = await take(at + RECORD_OVERHEAD_BYTES, length);
    if (crc32(payload, lengthSeal) !== expected) break;
    records.push(Uint8Array.from(payload));
    seal = expected;
    at = end;
    if (at === snapshotEnd) whole = seal === header.snapshotSeal;
  }
  return whole ? records : undefined;
}
