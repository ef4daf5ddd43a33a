import { isReservedSecretName } from '../../../proto/secret-names.ts';
import type { Random } from '../../../seams/random.ts';
import type { Verb } from '../../domain/access/rbac.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { changeSecret, createSecret, NO_SECRET, removeSecret, type SealableValue } from '../../domain/spaces/commands/secrets.ts';
import type { SecretRow, SpaceRow } from '../../domain/spaces/rows.ts';
import { type SecretObject, secretObject } from '../../domain/spaces/space-objects.ts';
import { forbidden, spaceFor } from '../access/access.ts';
import type { Secrets } from '../engine/api.ts';
import type { Applier } from '../engine/applier.ts';
import type { Caller } from '../engine/caller.ts';
import type { Lists } from '../engine/lists.ts';
import { NONCE_BYTES, type SealingRing } from './sealing.ts';

export interface SecretDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly ring: SealingRing;
}

export function secretService({ applier, view, lists, random, ring }: SecretDeps): Secrets {
  /** The secret, and whether the caller may see its value where that was asked for. */
  function secretFor(
    caller: Caller,
    spaceName: string,
    key: string,
    verb: Verb,
    showValues: boolean,
  ): Outcome<{ space: SpaceRow; row: SecretRow }> {
    const space = spaceFor(view, caller, spaceName, 'secrets', verb, key);
    if (!space.ok) return space;
    if (showValues && !caller.permissions.allows('secrets', 'read-values', space.value.id, key)) return forbidden('secrets', 'read-values');
    const row = view.secretByName(space.value.id, key);
    return row === undefined ? NO_SECRET : accepted({ space: space.value, row });
  }

  const shown = (space: string, row: SecretRow, showValues: boolean): SecretObject =>
    secretObject(space, row, showValues ? ring.open(row) : undefined);

  function sealable(value: string): SealableValue {
    const nonce = random.bytes(NONCE_BYTES);
    return { bytes: Buffer.byteLength(value, 'utf8'), seal: (thing) => ring.seal(thing, value, nonce) };
  }

  return {
    async list(caller, spaceName, { showValues }, page) {
      const space = spaceFor(view, caller, spaceName, 'secrets', 'list');
      if (!space.ok) return space;
      if (showValues && !caller.permissions.allows('secrets', 'read-values', space.value.id)) return forbidden('secrets', 'read-values');
      const found = await lists.rows('secrets', { spaceId: space.value.id }, page);
      return accepted({ items: found.items.map((row) => shown(space.value.name, row, showValues)), total: found.total });
    },
    async create(caller, spaceName, { key_name: keyName, value, description = null }) {
      const space = spaceFor(view, caller, spaceName, 'secrets', 'create', keyName);
      if (!space.ok) return space;
      const made = { id: random.uuid(), spaceId: space.value.id, keyName, description, value: sealable(value), user: caller.user };
      return applier.submit(createSecret(made), caller);
    },
    get(caller, spaceName, key, { showValues }) {
      const found = secretFor(caller, spaceName, key, 'get', showValues);
      return found.ok ? accepted(shown(found.value.space.name, found.value.row, showValues)) : found;
    },
    async update(caller, spaceName, key, { value, ...change }, { showValues }) {
      const found = secretFor(caller, spaceName, key, 'update', showValues);
      if (!found.ok) return found;
      if (value === undefined && Object.keys(change).length === 0) {
        return refused('BAD_REQUEST', 'Nothing to change: send value or description.');
      }
      const { id, spaceId } = found.value.row;
      // One that is older than the list of reserved names: agents do not get it.
      if (value !== undefined && isReservedSecretName(key))
        return refused('CONFLICT', `The name "${key}" is reserved, so agents do not get this secret. Delete it and use another name.`);
      const changed = await applier.submit(
        changeSecret(id, { ...change, ...(value === undefined ? {} : { value: sealable(value) }) }),
        caller,
      );
      if (!changed.ok || !showValues) return changed;
      const now = view.secretByName(spaceId, key);
      return now === undefined ? NO_SECRET : accepted(shown(found.value.space.name, now, true));
    },
    async remove(caller, spaceName, key) {
      const found = secretFor(caller, spaceName, key, 'delete', false);
      return found.ok ? applier.submit(removeSecret(found.value.row.id), caller) : found;
    },
  };
}
