import type { Disk } from '../seams/disk.ts';
import type { Random } from '../seams/random.ts';
import { isLongEnough, MIN_PASSWORD_LENGTH } from './contract/access/passwords.ts';
import type { Profile } from './contract/profiles.ts';
import type { Core } from './core-deps.ts';
import { firstStart, resetAdminPassword } from './domain/access/commands/logins.ts';
import { byOperator } from './domain/audit/audit.ts';
import type { AccountId, SpaceId } from './domain/engine/ids.ts';
import { CONTROLLER_CALLER } from './services/access/hash-queue.ts';
import type { Passwords } from './services/access/passwords.ts';
import { openAdminPassword } from './store/files/cluster-files.ts';

export interface FirstStart {
  readonly directory: string;
  readonly disk: Disk;
  readonly random: Random;
  /** Password of the account `admin`. Default: generated into a file. */
  readonly adminPassword: string | undefined;
  /** Profiles that the space `default` allows. Undefined: locked only. */
  readonly defaultProfiles?: readonly Profile[] | undefined;
}

/** Checks a new password only: an existing short one still works. */
function checkAdminPassword(given: string): void {
  if (isLongEnough(given)) return;
  throw new Error(`RAWORC_ADMIN_PASSWORD is too short: use at least ${MIN_PASSWORD_LENGTH} characters`);
}

/**
 * Creates the first account and space of a new store. A password given by the operator replaces the
 * stored one.
 */
export async function seed({ applier, view }: Core, passwords: Passwords, options: FirstStart): Promise<void> {
  const { directory, disk, random, adminPassword: given, defaultProfiles } = options;
  const admin = view.accountByUser('admin');
  if (!view.hasAccounts() || view.spaceByName('default') === undefined) {
    if (given !== undefined) checkAdminPassword(given);
    const hash = await passwords.hash(given ?? (await openAdminPassword(directory, disk, random)), CONTROLLER_CALLER);
    if (!hash.ok) throw new Error(hash.refusal.message);
    const ids = { accountId: random.uuid() as AccountId, bindingId: random.uuid(), spaceId: random.uuid() as SpaceId };
    const by = byOperator('firstStart', { kind: 'service-accounts', ref: null, space: null });
    await applier.apply(firstStart({ ...ids, passwordHash: hash.value, settings: defaultProfiles ? { profiles: defaultProfiles } : {} }), {
      attribution: by,
    });
    return;
  }
  if (given === undefined || admin === undefined) return;
  const same = await passwords.verify(given, admin.passwordHash, CONTROLLER_CALLER);
  if (same.ok && same.value) return;
  checkAdminPassword(given);
  const hash = await passwords.hash(given, CONTROLLER_CALLER);
  const by = byOperator('resetAdminPassword', { kind: 'service-accounts', ref: null, space: null });
  if (hash.ok) await applier.apply(resetAdminPassword(hash.value), { attribution: by });
}
