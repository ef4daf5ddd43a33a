import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import type { Clock } from '../../seams/clock.ts';
import type { Disk, DiskFile } from '../../seams/disk.ts';
import type { Random } from '../../seams/random.ts';
import type { AccountId } from '../domain/ids.ts';

export const TOKEN_ISSUER = 'raworc';
export const TOKEN_ALGORITHM = 'HS256';
export const TOKEN_LIFETIME_S = 24 * 3600;

const KEY_BYTES = 32;

/** Whom a token speaks for. `version` is the account's: raising it ends every older token. */
export interface TokenSubject {
  readonly accountId: AccountId;
  readonly user: string;
  readonly version: number;
}

export interface TokenKey {
  readonly key: KeyObject;
  readonly kid: string;
}

export interface Tokens extends TokenKey {
  /** Good for 24 h. `expires_at` is RFC 3339. */
  sign(subject: TokenSubject): { token: string; expires_at: string };
}

export function createTokens({ key, kid, clock, random }: TokenKey & { clock: Clock; random: Random }): Tokens {
  return {
    key,
    kid,
    sign({ accountId, user, version }) {
      const iat = Math.floor(clock.now() / 1000);
      const exp = iat + TOKEN_LIFETIME_S;
      const claims = {
        sub: user,
        sub_type: 'ServiceAccount',
        aid: accountId,
        ver: version,
        iss: TOKEN_ISSUER,
        iat,
        exp,
        jti: random.uuid(),
      };
      // A KeyObject: given a string, jsonwebtoken first tries to read it as a public key, which costs forty times as much.
      const token = jwt.sign(claims, key, { algorithm: TOKEN_ALGORITHM, keyid: kid });
      return { token, expires_at: new Date(exp * 1000).toISOString() };
    },
  };
}

/**
 * The key that signs tokens, from `jwt.key` in `directory` (which exists). Made on the first start, mode 0600, whole or not
 * at all. Throws when the file is not such a key.
 */
export async function openTokenKey(directory: string, disk: Disk, random: Random): Promise<TokenKey> {
  const path = join(directory, 'jwt.key');
  if (!(await disk.exists(path))) await writeKey(path, disk, random);
  const text = await withFile(disk, path, async (file) => new TextDecoder().decode(await file.read(0, await file.size())));
  if (!/^[0-9a-f]{64}\n$/.test(text))
    throw new Error(`${path} is not a key of ${KEY_BYTES} bytes; restore it from a backup, or remove it to end all tokens`);
  const bytes = Buffer.from(text.trim(), 'hex');
  return { key: createSecretKey(bytes), kid: createHash('sha256').update('kid').update(bytes).digest('hex').slice(0, 16) };
}

async function writeKey(path: string, disk: Disk, random: Random): Promise<void> {
  const draft = `${path}.new`;
  await disk.remove(draft);
  await withFile(disk, draft, async (file) => {
    await file.write(0, new TextEncoder().encode(`${Buffer.from(random.bytes(KEY_BYTES)).toString('hex')}\n`));
    await file.sync();
  });
  await disk.rename(draft, path);
}

async function withFile<T>(disk: Disk, path: string, use: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
