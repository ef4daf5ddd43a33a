import type { Barriers } from '../../../seams/barrier.ts';
import type { Log } from '../../../seams/log.ts';
import type { Random } from '../../../seams/random.ts';
import { byOperator } from '../../domain/audit/audit.ts';
import { recordAudit } from '../../domain/audit/record-audit.ts';
import type { View } from '../../domain/engine/view.ts';
import { resealSecrets } from '../../domain/spaces/commands/secrets.ts';
import type { SecretRow } from '../../domain/spaces/rows.ts';
import type { Applier } from '../engine/applier.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import { NONCE_BYTES, type SealingKey, type SealingRing } from './sealing.ts';

/** The files that hold the keys. */
export interface SealingKeys {
  /** All that are there, each whole. */
  read(): Promise<readonly SealingKey[]>;
  /** For good: resolves once none of them is there after a crash. */
  remove(ids: readonly string[]): Promise<void>;
  /** Calls `listener` when keys came or went; may miss one. */
  watch(listener: () => void): { close(): void };
}

/** A watch of files can miss something. */
const EVERY_MS = 60_000;
/** What `raworc-controller rotate` is recorded as. */
export const KEY_ROTATION = byOperator('rotateKeys', { kind: 'controller', ref: null, space: null });

/** Up to 64 KiB each: a batch shares the applier with everyone. */
export const RESEALED_AT_ONCE = 16;

/** What seals a batch anew: as many nonces as there may be rows. */
export function resealing(ring: SealingRing, random: Random): (row: SecretRow, at: number) => Pick<SecretRow, 'sealed' | 'keyId'> {
  const nonces = Array.from({ length: RESEALED_AT_ONCE }, () => random.bytes(NONCE_BYTES));
  return (row, at) => {
    const nonce = nonces[at];
    if (nonce === undefined) throw new Error('more rows than nonces');
    return ring.seal(row, ring.open(row), nonce);
  };
}

export interface ResealingDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly applier: Applier;
  readonly view: View;
  readonly ring: SealingRing;
  readonly keys: SealingKeys;
  readonly random: Random;
  readonly log: Log;
  readonly barriers: Barriers;
}

/**
 * Takes up a new sealing key, while the controller runs:
 *
 * 1. Whoever rotates puts a file with a newer key beside the others, durably. Nothing is sealed under it yet.
 * 2. It is taken into memory, and seals from then on whatever is decided.
 * 3. What other keys sealed is sealed anew, some at a time, in the applier.
 * 4. When nothing in the store is sealed under the older keys, their files are removed.
 *
 * Whatever is killed, and whenever: a key is there for as long as anything needs it, and the next start goes on.
 */
export function resealingLoop({ loops, applier, view, ring, keys, random, log, barriers }: ResealingDeps): Loop<'keys'> {
  let watching: { close(): void } | undefined;
  /** Removed by the last run. A list that is under way may still need to open with them. */
  let retired: readonly string[] = [];

  async function takeUp(closing: AbortSignal): Promise<void> {
    const there = await keys.read();
    const kept = ring.keys().filter(({ id }) => !retired.includes(id) && !there.some((key) => key.id === id));
    // Never forgotten because a file is gone: something may be sealed under it, or be about to be.
    for (const { id } of kept) log.error('sealing.key_file_missing', { key: id });
    const before = ring.currentId;
    ring.replace([...there, ...kept]);
    retired = [];
    if (ring.currentId !== before) log.info('sealing.key_taken', { key: ring.currentId });

    let secrets = 0;
    while (!closing.aborted && view.secretsNotUnder(ring.currentId, 1).length > 0) {
      secrets += await applier.apply(resealSecrets(ring.currentId, RESEALED_AT_ONCE, resealing(ring, random)));
      await barriers.reach('sealing.batch');
    }
    const older = there.filter(({ id }) => id !== ring.currentId).map(({ id }) => id);
    if (closing.aborted || older.length === 0) return;
    // Before the end: a process that dies here does all of this again, and is recorded again.
    await applier.apply(recordAudit(KEY_ROTATION, 'ok', 1));
    await barriers.reach('sealing.resealed');
    await keys.remove(older);
    retired = older;
    log.info('sealing.rotated', { key: ring.currentId, secrets });
  }

  const loop: Loop<'keys'> = loops.open({
    name: 'resealing',
    first: { key: 'keys' },
    failed: (error) => log.error('sealing.failed', { error }),
    async run(_key, closing) {
      if (watching === undefined) {
        watching = keys.watch(() => loop.wake('keys'));
        closing.addEventListener('abort', () => watching?.close());
      }
      await takeUp(closing);
      return EVERY_MS;
    },
  });
  return loop;
}
