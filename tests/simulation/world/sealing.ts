import { SealingRing, sealingKey } from '../../../controller/services/spaces/sealing.ts';

/** A fixed key. */
const KEY = sealingKey('00000001', new Uint8Array(32).fill(7));

export const RING = new SealingRing([KEY]);
export const SEALING_KEYS = { read: async () => [KEY], remove: async () => undefined, watch: () => ({ close: () => undefined }) };
