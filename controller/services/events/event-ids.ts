import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { EventPosition } from '../../domain/events/events.ts';

export interface EventIds {
  spell(position: EventPosition): string;
  /**
   * Returns undefined for an invalid id. An id of another store decodes to a position that does not
   * exist here.
   */
  read(id: string): EventPosition | undefined;
}

/** Epoch and number take 6 bytes each. The rest is 0, which detects ids of other stores. */
const WIDTH = 6;
const BLOCK = 16;

/**
 * Encodes event positions as ids: one AES block, encrypted under a key of the store. A plain
 * position would reveal how much happens in spaces that the client cannot see. The same position
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
