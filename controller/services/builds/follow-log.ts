import type { BuildLogLine, BuildObject } from '../../contract/builds.ts';
import type { Taken, Watching } from '../events/watching.ts';

/** Receives the lines of a build's log. */
export interface BuildLogWatcher {
  /** `number` counts the lines from 1. After `full`, the line is repeated. */
  line(line: BuildLogLine, number: number): Taken;
  /** The build has ended, or can no longer be followed. */
  end(build: BuildObject): void;
}

/** Calls the watcher with lines as fast as it takes them. The rest waits where it is stored. */
export function follow(
  lines: (signal: AbortSignal) => AsyncIterable<readonly BuildLogLine[]>,
  skip: number,
  watcher: BuildLogWatcher,
  current: () => BuildObject,
): Watching {
  const over = new AbortController();
  let resume: () => void = () => undefined;
  const { signal } = over;

  async function run(): Promise<void> {
    let number = 0;
    for await (const some of lines(signal))
      for (const line of some) {
        number += 1;
        if (number <= skip) continue;
        for (;;) {
          if (signal.aborted) return;
          const { promise, resolve } = Promise.withResolvers<void>();
          resume = resolve;
          const taken = watcher.line(line, number);
          if (taken === 'over') return over.abort();
          if (taken === 'more') break;
          await promise;
        }
      }
  }

  run()
    // What is stored cannot be read now: the client asks again from its last line.
    .catch(() => undefined)
    .then(() => {
      if (signal.aborted) return;
      let build: BuildObject;
      try {
        build = current();
      } catch {
        // The controller is shutting down and has closed its store. Connections end with it.
        return;
      }
      watcher.end(build);
    });
  return {
    resume: () => resume(),
    close() {
      over.abort();
      resume();
    },
  };
}
