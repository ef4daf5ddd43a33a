import { setFlagsFromString } from 'node:v8';

/**
 * V8 collects the young generation once its buffers take four times this, unless it is just marking
 * the old one. The default of 32 MiB never gets there: 64 to 128 MiB of dead buffers pile up first,
 * because a buffer of 64 KiB takes only 100 bytes of the heap.
 */
const SEMI_SPACE_MIB = 2;
/**
 * The old generation is collected once it has grown by this since the last time. By default V8 lets
 * a small heap grow to several times its size, and what a burst left there stays for minutes.
 */
const GROWTH_PERCENT = 30;

/** Bounds the garbage of bursts, for all threads. Call at startup. */
export function boundGarbage(): void {
  boundBufferGarbage(SEMI_SPACE_MIB);
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}

/** Bounds dead buffers, such as pieces of request bodies, to about four times `mib`. */
export function boundBufferGarbage(mib: number): void {
  setFlagsFromString(`--scavenger-max-new-space-capacity-mb=${mib}`);
}
