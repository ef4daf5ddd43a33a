import type { Barriers } from '../../../seams/barrier.ts';
import type { Random } from '../../../seams/random.ts';
import { byOperator } from '../../domain/audit/audit.ts';
import { recordAudit } from '../../domain/audit/record-audit.ts';
import { resealSecrets } from '../../domain/spaces/commands/secrets.ts';
import type { SecretRow } from '../../domain/spaces/rows.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';
import { NONCE_BYTES, type SealingKey, type SealingRing } from './sealing.ts';

/** The key files. */
export interface SealingKeys {
  /** Returns all complete keys. */
  read(): Promise<readonly SealingKey[]>;
  /** Resolves once all are deleted durably. */
  remove(ids: readonly string[]): Promise<void>;
  /** Calls `listener` when key files change; can miss a change. */
  watch(listener: () => void): { close(): void };
}

/** File watches can miss changes. */
const EVERY_MS = 60_000;
/** The audit record of `raworc-controller rotate`. */
export const KEY_ROTATION = byOperator('rotateKeys', { kind: 'controller', ref: null, space: null });

/** Each secret has up to 64 KiB, and a batch shares the applier with all other commands. */
export const RESEAL_BATCH = 16;

/**
 * Returns a function that reseals the rows of a batch, with one random nonce for each possible row.
 */
export function resealing(ring: SealingRing, random: Random): (row: SecretRow, at: number) => Pick<SecretRow, 'sealed' | 'keyId'> {
  const nonces = Array.from({ length: RESEAL_BATCH }, () => random.bytes(NONCE_BYTES));
  return (row, at) => {
    const nonce = nonces[at];
    if (nonce === undefined) throw new Error('more rows than nonces');
    return ring.seal(row, ring.open(row), nonce);
  };
}

export interface ResealingDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'random' | 'log'> {
  readonly ring: SealingRing;
  readonly keys: SealingKeys;
  readonly barriers: Barriers;
}

/**
 * Replaces the sealing key while the controller runs:
 * 1. The operator's rotate command adds a durable file with a newer key. Nothing is sealed with it
 *    yet.
 * 2. The loop loads it, and all new values are sealed with it.
 * 3. The applier reseals values of older keys in batches.
 * 4. When no stored value uses an older key, its file is deleted.
 * Safe to kill at any point: a key exists as long as anything needs it, and the next start
 * continues.
 */
export function resealingLoop({ loops, applier, view, ring, keys, random, log, barriers }: ResealingDeps): Loop<'keys'> {
  let watching: { close(): void } | undefined;
  /** Keys retired by the last run. A list in progress can still need them. */
  let retired: readonly string[] = [];

  async function takeUp(closing: AbortSignal): Promise<void> {
    const there = await keys.read();
    const kept = ring.keys().filter(({ id }) => !retired.includes(id) && !there.some((key) => key.id === id));
    // Keep a key whose file is missing: values can be sealed with it.
    for (const { id } of kept) log.error('sealing.key_file_missing', { key: id });
    const before = ring.currentId;
    ring.replace([...there, ...kept]);
    retired = [];
    if (ring.currentId !== before) log.info('sealing.key_taken', { key: ring.currentId });

    let secrets = 0;
    while (!closing.aborted && view.secretsNotUnder(ring.currentId, 1).length > 0) {
      secrets += await applier.apply(resealSecrets(ring.currentId, RESEAL_BATCH, resealing(ring, random)));
      await barriers.reach('sealing.batch');
    }
    const older = there.filter(({ id }) => id !== ring.currentId).map(({ id }) => id);
    if (closing.aborted || older.length === 0) return;
    // Recorded before the end: after a crash here, the next process repeats this and records it
    // again.
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
