import { isReservedSecretName } from '../../../proto/secret-names.ts';
import type { Random } from '../../../seams/random.ts';
import type { Verb } from '../../contract/access/roles.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { ChangeSecret, CreateSecret, SecretObject, ShowValues } from '../../contract/secrets.ts';
import { accepted, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { changeSecret, createSecret, removeSecret, type SealableValue } from '../../domain/spaces/commands/secrets.ts';
import { NO_SECRET } from '../../domain/spaces/refusals.ts';
import type { SecretRow, SpaceRow } from '../../domain/spaces/rows.ts';
import { secretObject } from '../../domain/spaces/space-objects.ts';
import { forbidden, spaceFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import type { Lists } from '../engine/lists.ts';
import { NONCE_BYTES, type SealingRing } from './sealing.ts';

export type Secrets = ReturnType<typeof secretService>;

export interface SecretDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly ring: SealingRing;
}

export function secretService({ applier, view, lists, random, ring }: SecretDeps) {
  /** Returns the secret, after checking access to its value if requested. */
  function secretFor(
    caller: Caller,
    spaceName: string,
    key: string,
    verb: Verb,
    { show_values: showValues = false }: ShowValues = {},
  ): Outcome<{ space: SpaceRow; row: SecretRow }> {
    const space = spaceFor(view, caller, spaceName, 'secrets', verb, key);
    if (!space.ok) return space;
    if (showValues && !caller.permissions.allows('secrets', 'read-values', space.value.id, key)) return forbidden('secrets', 'read-values');
    const row = view.secretByName(space.value.id, key);
    return row === undefined ? NO_SECRET : accepted({ space: space.value, row });
  }

  const shown = (space: string, row: SecretRow, showValues = false): SecretObject =>
    secretObject(space, row, showValues ? ring.open(row) : undefined);

  function sealable(value: string): SealableValue {
    const nonce = random.bytes(NONCE_BYTES);
    return { bytes: Buffer.byteLength(value, 'utf8'), seal: (thing) => ring.seal(thing, value, nonce) };
  }

  return {
    async list(caller: Caller, spaceName: string, { show_values: showValues = false }: ShowValues, page: PageRequest) {
      const space = spaceFor(view, caller, spaceName, 'secrets', 'list');
      if (!space.ok) return space;
      if (showValues && !caller.permissions.allows('secrets', 'read-values', space.value.id)) return forbidden('secrets', 'read-values');
      const found = await lists.rows('secrets', { spaceId: space.value.id }, page);
      return accepted({ items: found.items.map((row) => shown(space.value.name, row, showValues)), total: found.total });
    },
    /** Returns the secret without its value. */
    async create(caller: Caller, spaceName: string, { key_name: keyName, value, description }: CreateSecret) {
      const space = spaceFor(view, caller, spaceName, 'secrets', 'create', keyName);
      if (!space.ok) return space;
      const made = {
        id: random.uuid(),
        spaceId: space.value.id,
        keyName,
        description: description ?? null,
        value: sealable(value),
        user: caller.user,
      };
      return applier.submit(createSecret(made), caller);
    },
    get: (caller: Caller, spaceName: string, key: string, show: ShowValues) =>
      mapped(secretFor(caller, spaceName, key, 'get', show), ({ space, row }) => shown(space.name, row, show.show_values)),
    async update(caller: Caller, spaceName: string, key: string, { value, ...change }: ChangeSecret, show: ShowValues) {
      const found = secretFor(caller, spaceName, key, 'update', show);
      if (!found.ok) return found;
      if (value === undefined && Object.keys(change).length === 0) {
        return refused('BAD_REQUEST', 'The request changes nothing. Send value or description.');
      }
      const { id, spaceId } = found.value.row;
      // The secret can be older than the list of reserved names.
      if (value !== undefined && isReservedSecretName(key))
        return refused('CONFLICT', `The name "${key}" is reserved, so agents do not get this secret. Delete it and use another name.`);
      const changed = await applier.submit(
        changeSecret(id, { ...change, ...(value === undefined ? {} : { value: sealable(value) }) }),
        caller,
      );
      if (!changed.ok || show.show_values !== true) return changed;
      const now = view.secretByName(spaceId, key);
      return now === undefined ? NO_SECRET : accepted(shown(found.value.space.name, now, true));
    },
    async remove(caller: Caller, spaceName: string, key: string) {
      const found = secretFor(caller, spaceName, key, 'delete');
      return found.ok ? applier.submit(removeSecret(found.value.row.id), caller) : found;
    },
  };
}
