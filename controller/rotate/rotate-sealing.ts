/** Rotates the key that seals a controller's secrets, whether or not the controller runs. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Barriers } from '../../seams/barrier.ts';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';
import { recordOf } from '../domain/audit/audit.ts';
import { agesAt } from '../domain/engine/agreed-time.ts';
import { DEFAULT_SIZE_RULES } from '../domain/sessions/session-sizes.ts';
import { resealSecrets } from '../domain/spaces/commands/secrets.ts';
import { KEY_ROTATION, RESEAL_BATCH, resealing } from '../services/spaces/resealing-loop.ts';
import { SealingRing } from '../services/spaces/sealing.ts';
import { SET_DIRECTORY } from '../settings/configured.ts';
import { createSealingKey, idsIn, sealingKeysIn } from '../store/files/sealing-keys.ts';
import { isInUse } from '../store/sqlite/backup.ts';
import { openBareStore } from '../store/sqlite/bare-store.ts';

export interface RotateOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly barriers: Barriers;
  /** How long a running controller can take. */
  readonly limitMs: number;
}

export interface Rotated {
  readonly keyId: string;
  readonly by: 'the running controller' | 'this program';
}

const LOOK_MS = 100;

/**
 * Creates a key and resolves once no secret is sealed under an older one and the older keys are
 * deleted. A running controller notices the new file and reseals by itself; otherwise this process
 * does. If interrupted, the controller's next start or the next rotation continues. Throws when the
 * limit passes.
 */
export async function rotateSealing(directory: string, { clock, random, barriers, limitMs }: RotateOptions): Promise<Rotated> {
  const database = join(directory, 'raworc.db');
  if (!existsSync(database)) throw new Error(`there is no controller in ${directory}. ${SET_DIRECTORY}`);
  const keys = join(directory, 'keys', 'seal');
  const { id: keyId } = await createSealingKey(keys, random);
  await barriers.reach('rotate.key_made');
  const start = clock.monotonic();
  // Check after the key exists: a controller that opens its store later reads the new key.
  while (isInUse(database)) {
    const until = Math.min(clock.monotonic() + 20 * LOOK_MS, start + limitMs);
    do {
      if (!(await hasOlder(keys, keyId))) return { keyId, by: 'the running controller' };
      await pause(clock, LOOK_MS);
    } while (clock.monotonic() < until);
    if (clock.monotonic() - start >= limitMs) {
      throw new Error(
        `the running controller did not finish resealing under the new key ${keyId} within ${limitMs / 1000} s. It continues in the background: watch its log for sealing.rotated`,
      );
    }
  }
  await resealHere(directory, database, keys, random, barriers);
  return { keyId, by: 'this program' };
}

const hasOlder = async (keys: string, keyId: string): Promise<boolean> => (await idsIn(keys)).some((id) => id < keyId);

async function resealHere(directory: string, database: string, keys: string, random: Random, barriers: Barriers): Promise<void> {
  const epoch = Number((await readFile(join(directory, 'epoch'), 'utf8')).trim());
  const store = await openBareStore(database, epoch);
  try {
    const files = sealingKeysIn(keys);
    const ring = new SealingRing(await files.read());
    const { writer } = store;
    const nobody = {
      nodes: () => [],
      byLoad: () => [],
      maxima: {},
      node: () => undefined,
      sizes: DEFAULT_SIZE_RULES,
      spaceUse: () => ({ sessions: 0, cpuMillis: 0, memoryBytes: 0, diskBytes: 0 }),
      slotUse: () => ({ count: 0, cpuMillis: 0, memoryBytes: 0, maxMemoryBytes: 0, diskBytes: 0, processes: 0 }),
      sessionsOfSpace: () => 0,
    };
    while (writer.view.secretsNotUnder(ring.currentId, 1).length > 0) {
      const command = resealSecrets(ring.currentId, RESEAL_BATCH, resealing(ring, random));
      writer.transaction(() => {
        // Timestamps do not change, because nothing visible to users has changed.
        for (const mutation of command.decide({ view: writer.view, fleet: nobody, now: 0, ages: agesAt(0, []) }).mutations)
          writer.apply(mutation);
      });
      await barriers.reach('sealing.batch');
    }
    writer.transaction(() => writer.apply({ kind: 'audit', record: recordOf(KEY_ROTATION, 'ok', writer.lastTime()) }));
    await barriers.reach('sealing.resealed');
    await files.remove(ring.keys().flatMap(({ id }) => (id === ring.currentId ? [] : [id])));
  } finally {
    store.close();
  }
}
