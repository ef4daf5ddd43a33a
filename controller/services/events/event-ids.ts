import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { EventPosition } from '../../domain/events/events.ts';

export interface EventIds {
  spell(position: EventPosition): string;
  /** Undefined for what is no id. One of another store stands for a position in no life of this one. */
  read(id: string): EventPosition | undefined;
}

/** Epoch and number have 6 bytes each; what is left is 0, by which an id of another store is known. */
const WIDTH = 6;
const BLOCK = 16;

/**
 * The ids of events, as clients keep them: the position enciphered as one block of AES under a key of the store. A position counts what happens in
 * all spaces, which is nobody's business who sees only some; enciphered, ids tell neither how many nor in which order. The same position
 * always has the same id.
 */
export function eventIds(storeKey: Uint8Array): EventIds {
  const key = createHmac('sha256', storeKey).update('event ids').digest().subarray(0, BLOCK);
  return {
    spell({ epoch, number }) {
      const block = Buffer.alloc(BLOCK);
      block.writeUIntBE(epoch, 0, WIDTH);
      block.writeUIntBE(number, WIDTH, WIDTH);
      return createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(block).toString('base64url');
    },
    read(id) {
      if (!/^[\w-]{22}$/.test(id)) return undefined;
      const block = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(Buffer.from(id, 'base64url'));
      if (block.readUInt32BE(2 * WIDTH) !== 0) return { epoch: 0, number: 0 };
      return { epoch: block.readUIntBE(0, WIDTH), number: block.readUIntBE(WIDTH, WIDTH) };
    },
  };
}
