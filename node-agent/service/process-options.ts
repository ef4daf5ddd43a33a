/**
 * How the node agent's process is started, by its unit, `npm run up` and tests. The launcher, which
 * cannot load this file, has the same in raworc-node-agent.mjs.
 *
 * Of V8's own threads, which collect garbage beside the one that passes bytes on, one is enough for a
 * small heap. With the default of four, a third of the processor time of a full stream is theirs.
 */
export const NODE_FLAGS: readonly string[] = ['--v8-pool-size=1'];
