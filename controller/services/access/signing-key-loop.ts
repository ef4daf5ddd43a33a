import type { Log } from '../../../seams/log.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import type { TokenKeys } from './token-keys.ts';
import type { Tokens } from './tokens.ts';

/** Interval. It can be long, because a rotated key stays valid for two days. */
const EVERY_MS = 10_000;

export interface SigningKeyDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly tokens: Tokens;
  read(): Promise<TokenKeys>;
  readonly log: Log;
}

/**
 * Loads new token keys while the controller runs. If the file cannot be read, logs an error and
 * keeps the current keys.
 */
export function signingKeyLoop({ loops, tokens, read, log }: SigningKeyDeps): Loop<'keys'> {
  return loops.open({
    name: 'token_keys',
    first: { key: 'keys', afterMs: EVERY_MS },
    retry: { firstMs: EVERY_MS, maxMs: EVERY_MS },
    failed: (error) => log.error('tokens.key_unreadable', { error }),
    async run() {
      const keys = await read();
      if (tokens.use(keys)) log.info('tokens.key_taken', { key: keys[0].kid });
      return EVERY_MS;
    },
  });
}
