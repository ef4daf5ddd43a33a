import process from 'node:process';

/** One Ctrl-C arrives up to three times: from the terminal, from npm, and from the bootstrap. */
const sameMs = 1000;

/**
 * `first` aborts at the first Ctrl-C (or SIGTERM, a closed terminal, or the end of our parent),
 * `second` at another.
 */
export function stopSignals(): { readonly first: AbortSignal; readonly second: AbortSignal } {
  const first = new AbortController();
  const second = new AbortController();
  let firstAt = 0;
  const stop = () => {
    if (first.signal.aborted && performance.now() - firstAt > sameMs) second.abort();
    if (!first.signal.aborted) firstAt = performance.now();
    first.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) process.on(name, stop);
  // A closed terminal must not prevent the clean-up.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return { first: first.signal, second: second.signal };
}
