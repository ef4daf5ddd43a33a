import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { TokenKeys } from './token-keys.ts';
import type { Tokens } from './tokens.ts';

/** One small file: a key that was rotated is good for two days more, so nothing hurries. */
const LOOK_MS = 10_000;

/** Takes up a new key of tokens while the controller runs. What cannot be read is told, and the keys of before go on. */
export class TokenKeyWatch {
  readonly #needs: { readonly tokens: Tokens; readonly read: () => Promise<TokenKeys>; readonly clock: Clock; readonly log: Log };
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(needs: { tokens: Tokens; read: () => Promise<TokenKeys>; clock: Clock; log: Log }) {
    this.#needs = needs;
  }

  start(): void {
    this.#timer = this.#needs.clock.after(LOOK_MS, () => {
      this.#looking = this.look().finally(() => {
        if (!this.#closed) this.start();
      });
    });
  }

  async look(): Promise<void> {
    const { tokens, read, log } = this.#needs;
    try {
      const keys = await read();
      if (tokens.use(keys)) log.info('tokens.key_taken', { key: keys[0].kid });
    } catch (error) {
      log.error('tokens.key_unreadable', { error: error instanceof Error ? error.message : String(error) });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }
}
