import { argon2, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { Random } from '../../../seams/random.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import { type HashCaller, HashQueue } from './hash-queue.ts';

/** OWASP's least for argon2id: 19 MiB, two passes, one lane. One hashing takes some 75 ms of a thread. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

const derive = promisify(argon2);

export interface Passwords {
  /** In PHC form, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. 429 when too many wait. */
  hash(password: string, caller: HashCaller): Promise<Outcome<string>>;
  /** Whether it is that password. Without a hash (no such account) it takes as long and is false. 429 when too many wait. */
  verify(password: string, hash: string | undefined, caller: HashCaller): Promise<Outcome<boolean>>;
}

/** Each takes a core and 19 MiB: one core is left to all else. */
const AT_ONCE = Math.max(1, Math.min(2, availableParallelism() - 1));

/** Passwords hashed at most two at once, so that logins leave a core and memory for the rest. */
export function createPasswords({ random }: { random: Random }): Passwords {
  const queue = new HashQueue(AT_ONCE);
  const nobody = spell(parameters(), random.bytes(SALT_BYTES), random.bytes(HASH_BYTES));
  return {
    hash: (password, caller) =>
      queue.run(caller, async () => {
        const salt = random.bytes(SALT_BYTES);
        return spell(parameters(), salt, await hashWith(password, salt, parameters(), HASH_BYTES));
      }),
    verify: (password, hash, caller) =>
      queue.run(caller, async () => {
        const { salt, expected, cost } = read(hash ?? nobody);
        const actual = await hashWith(password, salt, cost, expected.byteLength);
        return timingSafeEqual(actual, expected) && hash !== undefined;
      }),
  };
}

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

const parameters = (): Cost => ({ memory: MEMORY_KIB, passes: PASSES, parallelism: LANES });

function hashWith(password: string, salt: Uint8Array, cost: Cost, tagLength: number): Promise<Buffer> {
  // The same letters may be typed in two forms.
  const message = Buffer.from(password.normalize('NFC'), 'utf8');
  return derive('argon2id', { message, nonce: salt, tagLength, ...cost });
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

function spell({ memory, passes, parallelism }: Cost, salt: Uint8Array, hash: Uint8Array): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`;
}

/** Throws on what is no such hash: rows hold nothing else. */
function read(phc: string): { salt: Buffer; expected: Buffer; cost: Cost } {
  const match = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,128})$/.exec(phc);
  if (match === null) throw new Error('The stored hash of a password cannot be read');
  const [, memory, passes, parallelism, salt = '', hash = ''] = match;
  return {
    salt: Buffer.from(salt, 'base64'),
    expected: Buffer.from(hash, 'base64'),
    cost: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
  };
}
