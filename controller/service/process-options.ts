/**
 * How the controller's process is started, by its unit, `npm run up` and tests. The launcher, which
 * cannot load this file, has the same in raworc-controller.mjs.
 *
 * Without the first flag, a burst grows each thread's young generation to 96 MiB for good. And of
 * V8's own threads, which collect garbage beside the one that answers requests, one is enough for a
 * small heap; by default there are four, which take the cores of a small machine from it.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=8', '--v8-pool-size=1'];

/**
 * Two heaps of the C library for all threads: a heap keeps the memory that a burst took, and by
 * default each thread has its own.
 */
export const PROCESS_ENV = { MALLOC_ARENA_MAX: '2' } as const;
