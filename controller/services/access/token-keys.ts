import { createHash, createSecretKey } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../../seams/clock.ts';
import type { Disk } from '../../../seams/disk.ts';
import { readText, writeText } from '../../../seams/disk-text.ts';
import type { Random } from '../../../seams/random.ts';
import { TOKEN_LIFETIME_S, type TokenKey } from './tokens.ts';

const KEY_BYTES = 32;
/**
 * One key per line, newest first: 64 hex digits, and for a retired key the Unix second at which it
 * was retired.
 */
const LINE = /^([0-9a-f]{64})(?: (\d{1,12}))?$/;

export type TokenKeys = readonly [TokenKey, ...TokenKey[]];

interface KeptKey {
  readonly hex: string;
  /** Null for the signing key. */
  readonly retiredAtS: number | null;
}

/**
 * Returns the token keys from `jwt.key` in an existing directory: the first one signs, all of them
 * verify. Creates the file atomically with mode 0600 on the first start. Throws if the file is
 * malformed.
 */
export async function openTokenKeys(directory: string, disk: Disk, random: Random): Promise<TokenKeys> {
  const path = join(directory, 'jwt.key');
  if (!(await disk.exists(path))) await write(path, [{ hex: newKey(random), retiredAtS: null }], disk);
  return tokenKeys(await read(path, disk), path);
}

/**
 * Adds a new key and removes those whose last tokens have expired. A running controller loads it
 * within seconds (signing-key-loop.ts); tokens signed before stay valid.
 */
export async function rotateTokenKey(directory: string, disk: Disk, random: Random, clock: Clock): Promise<TokenKeys> {
  const path = join(directory, 'jwt.key');
  const nowS = Math.ceil(clock.now() / 1000);
  const older = (await disk.exists(path)) ? await read(path, disk) : [];
  const kept = older
    .map(({ hex, retiredAtS }) => ({ hex, retiredAtS: retiredAtS ?? nowS }))
    // Twice a token's lifetime, because a running controller signs with the old key until it loads
    // the new one.
    .filter(({ retiredAtS }) => retiredAtS + 2 * TOKEN_LIFETIME_S > nowS);
  const all = [{ hex: newKey(random), retiredAtS: null }, ...kept];
  await write(path, all, disk);
  return tokenKeys(all, path);
}

function tokenKeys(kept: readonly KeptKey[], path: string): TokenKeys {
  const [newest, ...older] = kept.map(({ hex }): TokenKey => {
    const bytes = Buffer.from(hex, 'hex');
    return { key: createSecretKey(bytes), kid: createHash('sha256').update('kid').update(bytes).digest('hex').slice(0, 16) };
  });
  if (newest === undefined) throw unreadable(path);
  return [newest, ...older];
}

const newKey = (random: Random): string => Buffer.from(random.bytes(KEY_BYTES)).toString('hex');

const unreadable = (path: string) =>
  new Error(`${path} contains no valid ${KEY_BYTES}-byte key. Restore the file from a backup, or delete it to revoke all tokens.`);

async function read(path: string, disk: Disk): Promise<KeptKey[]> {
  const text = await readText(disk, path);
  const lines = text.trimEnd().split('\n');
  return lines.map((line, at) => {
    const [, hex, retiredAtS] = LINE.exec(line) ?? [];
    if (hex === undefined || at > 0 !== (retiredAtS !== undefined)) throw unreadable(path);
    return { hex, retiredAtS: retiredAtS === undefined ? null : Number(retiredAtS) };
  });
}

async function write(path: string, keys: readonly KeptKey[], disk: Disk): Promise<void> {
  const text = keys.map(({ hex, retiredAtS }) => `${hex}${retiredAtS === null ? '' : ` ${retiredAtS}`}\n`).join('');
  await writeText(disk, path, text);
}
