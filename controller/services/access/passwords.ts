import { timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import { type HashCaller, HashQueue } from './hash-queue.ts';

/**
 * OWASP's minimum for argon2id: 19 MiB, two passes, one lane. One hash takes some 75 ms of a core.
 */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

export interface Passwords {
  /**
   * Returns the hash in PHC form, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. 429 if the queue is full.
   */
  hash(password: string, caller: HashCaller): Promise<Outcome<string>>;
  /**
   * Returns whether the password matches. Without a hash (unknown user), takes as long and returns
   * false. 429 if the queue is full.
   */
  verify(password: string, hash: string | undefined, caller: HashCaller): Promise<Outcome<boolean>>;
}

/** Each hash takes a core and 19 MiB. One core stays free for everything else. */
const AT_ONCE = Math.max(1, Math.min(2, availableParallelism() - 1));

/** The arguments of argon2. */
export interface HashRequest {
  readonly message: Uint8Array;
  readonly nonce: Uint8Array;
  readonly tagLength: number;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

export interface Argon2 {
  hash(request: HashRequest): Promise<Uint8Array>;
}

export interface PasswordsDeps {
  readonly random: Random;
  readonly argon2: Argon2;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
}

/** Hashes passwords, at most two at once. */
export function createPasswords({ random, argon2, clock }: PasswordsDeps): Passwords {
  const queue = new HashQueue(AT_ONCE, clock);
  const hashWith = (password: string, salt: Uint8Array, cost: Cost, tagLength: number): Promise<Uint8Array> => {
    // The same letters can be typed in two Unicode forms.
    const message = new TextEncoder().encode(password.normalize('NFC'));
    return argon2.hash({ message, nonce: salt, tagLength, ...cost });
  };
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

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

function spell({ memory, passes, parallelism }: Cost, salt: Uint8Array, hash: Uint8Array): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`;
}

/** Throws on any other form: rows contain no other. */
function read(phc: string): { salt: Buffer; expected: Buffer; cost: Cost } {
  const match = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,128})$/.exec(phc);
  if (match === null) throw new Error('cannot parse a stored password hash');
  const [, memory, passes, parallelism, salt = '', hash = ''] = match;
  return {
    salt: Buffer.from(salt, 'base64'),
    expected: Buffer.from(hash, 'base64'),
    cost: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
  };
}
