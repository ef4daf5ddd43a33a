import { getHeapStatistics, setFlagsFromString } from 'node:v8';

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
/**
 * Both while byte streams are open. V8 counts every buffer as growth of the old generation until a
 * collection has found it dead, so that each 10 MB that pass cause a full collection: a pause of all
 * streams and messages, and more processor time than the bytes themselves take. So 32 MiB of dead
 * buffers are collected at once, and the old generation can grow by this much, or by as much as
 * there is.
 */
const STREAMING_SEMI_SPACE_MIB = 8;
const STREAMING_GROWTH_MIB = 128;
const STREAMING_GROWTH_PERCENT = { least: 100, most: 1000 } as const;

/** 0: V8's own choice. */
let restingPercent = 0;
let streams = 0;

/** Bounds the garbage of bursts, for all threads. Call at startup. */
export function boundGarbage(): void {
  boundBufferGarbage(SEMI_SPACE_MIB);
  restingPercent = GROWTH_PERCENT;
  setGrowth(restingPercent);
}

/**
 * Collects less often while byte streams pass through this process. Call it when a stream opens,
 * and the returned function once when that stream has ended.
 */
export function streamOpened(): () => void {
  streams += 1;
  if (streams === 1) {
    boundBufferGarbage(STREAMING_SEMI_SPACE_MIB);
    setGrowth(streamingPercent());
  }
  return () => {
    streams -= 1;
    if (streams > 0) return;
    boundBufferGarbage(SEMI_SPACE_MIB);
    setGrowth(restingPercent);
  };
}

function streamingPercent(): number {
  const { least, most } = STREAMING_GROWTH_PERCENT;
  const percent = (STREAMING_GROWTH_MIB * 2 ** 20 * 100) / getHeapStatistics().used_heap_size;
  return Math.round(Math.min(most, Math.max(least, percent)));
}

const setGrowth = (percent: number) => setFlagsFromString(`--heap-growing-percent=${percent}`);

/** Bounds dead buffers, such as pieces of request bodies, to about four times `mib`. */
export function boundBufferGarbage(mib: number): void {
  setFlagsFromString(`--scavenger-max-new-space-capacity-mb=${mib}`);
}
