import { join } from 'node:path';
import { lockFile } from '../../seams/file-lock.ts';
import { type Daemon, ROOT } from './versions.ts';

/** One wait for another upgrade, which can be followed by the next. */
const WAIT_S = 600;

/**
 * Runs an upgrade as the only one of its daemon. Two at once would each undo what the other does.
 * The lock ends with its process, so a killed upgrade can be continued at once.
 */
export async function whileLocked<Result>(daemon: Daemon, run: () => Promise<Result>, root = ROOT): Promise<Result> {
  const lock = await lockFile(join(root, `${daemon}.upgrade.lock`));
  if (lock === undefined) throw new Error(`another upgrade of this ${daemon} is running. Wait until it ends, then retry`);
  try {
    return await run();
  } finally {
    await lock.close();
  }
}

/** Waits until no upgrade of the daemon runs, and runs this as the only one. */
export async function onceUnlocked<Result>(daemon: Daemon, run: () => Promise<Result>, root = ROOT): Promise<Result> {
  for (;;) {
    const lock = await lockFile(join(root, `${daemon}.upgrade.lock`), WAIT_S);
    if (lock !== undefined) return run().finally(() => lock.close());
  }
}
