import type { Log } from '../../../seams/log.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import type { TokenKeys } from './token-keys.ts';
import type { Tokens } from './tokens.ts';

/** One small file: a key that was rotated stays valid for two days, so nothing hurries. */
const EVERY_MS = 10_000;

export interface TokenKeyDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly tokens: Tokens;
  read(): Promise<TokenKeys>;
  readonly log: Log;
}

/** Takes up a new key of tokens while the controller runs. When the file cannot be read, it says so, and the keys of before go on. */
export function tokenKeyLoop({ loops, tokens, read, log }: TokenKeyDeps): Loop<'keys'> {
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
