/**
 * Secrets are sealed while their command runs, so that no change of the sealing key can come
 * between.
 */

import type { SecretObject } from '../../../contract/secrets.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { NO_SECRET, NO_SPACE } from '../refusals.ts';
import type { SecretRow } from '../rows.ts';
import { withNewSecrets } from '../secrets-version.ts';
import { secretObject } from '../space-objects.ts';

/** All are delivered together, as the environment of agents. */
export const MAX_SECRETS = 500;
export const MAX_SECRET_BYTES = 1024 * 1024;

/** A value to be sealed into a row. */
export interface SealableValue {
  /** In UTF-8. */
  readonly bytes: number;
  seal(thing: Pick<SecretRow, 'id' | 'spaceId' | 'keyName'>): Pick<SecretRow, 'sealed' | 'keyId'>;
}

export interface NewSecret extends Pick<SecretRow, 'id' | 'spaceId' | 'keyName' | 'description'> {
  readonly value: SealableValue;
  readonly user: string;
}

export function createSecret({ value, user, ...input }: NewSecret): Command<Outcome<SecretObject>> {
  return {
    name: 'create-secret',
    grows: true,
    decide({ view, now }) {
      const space = view.get('spaces', input.spaceId);
      if (space === undefined) return unchanged(NO_SPACE);
      const there = view.secretsIn(space.id);
      if (there.some(({ keyName }) => keyName === input.keyName)) {
        return unchanged(refused('CONFLICT', `The secret "${input.keyName}" already exists in this space. Change it with PUT.`));
      }
      if (there.length >= MAX_SECRETS)
        return unchanged(refused('CONFLICT', `This space has reached the limit of ${MAX_SECRETS} secrets. Delete some first.`));
      const full = tooMuch(there, input.keyName, value.bytes);
      if (full !== undefined) return unchanged(full);
      const row: SecretRow = { ...input, ...value.seal(input), createdAt: now, updatedAt: now, createdBy: user };
      return { ...withNewSecrets(space, [put('secrets', row)]), result: accepted(secretObject(space.name, row)) };
    },
  };
}

export interface SecretChange extends Partial<Pick<SecretRow, 'description'>> {
  readonly value?: SealableValue;
}

/** Changes a secret. The new value applies from the next message of the space's sessions. */
export function changeSecret(id: string, { value, ...change }: SecretChange): Command<Outcome<SecretObject>> {
  return {
    name: 'change-secret',
    decide({ view, now }) {
      const before = view.get('secrets', id);
      const space = before === undefined ? undefined : view.get('spaces', before.spaceId);
      if (before === undefined || space === undefined) return unchanged(NO_SECRET);
      const others = view.secretsIn(space.id).filter((one) => one.id !== id);
      const full = value === undefined ? undefined : tooMuch(others, before.keyName, value.bytes);
      if (full !== undefined) return unchanged(full);
      const row: SecretRow = { ...before, ...change, ...value?.seal(before), updatedAt: now };
      const shown = secretObject(space.name, row);
      if (value === undefined) return { mutations: [put('secrets', row)], events: [], result: accepted(shown) };
      return { ...withNewSecrets(space, [put('secrets', row)]), result: accepted(shown) };
    },
  };
}

export function removeSecret(id: string): Command<Outcome<undefined>> {
  return {
    name: 'remove-secret',
    decide({ view }) {
      const row = view.get('secrets', id);
      const space = row === undefined ? undefined : view.get('spaces', row.spaceId);
      if (row === undefined || space === undefined) return unchanged(NO_SECRET);
      return { ...withNewSecrets(space, [{ kind: 'remove', table: 'secrets', id }]), result: accepted(undefined) };
    },
  };
}

/**
 * Reseals some secrets under the current key. Changes nothing visible. Returns how many there were:
 * 0 when all are done.
 */
export function resealSecrets(
  keyId: string,
  limit: number,
  reseal: (row: SecretRow, at: number) => Pick<SecretRow, 'sealed' | 'keyId'>,
): Command<number> {
  return {
    name: 'reseal-secrets',
    decide({ view }) {
      const rows = view.secretsNotUnder(keyId, limit);
      return { mutations: rows.map((row, at) => put('secrets', { ...row, ...reseal(row, at) })), events: [], result: rows.length };
    },
  };
}

/** Returns the size of a sealed value: nonce, value and tag, from their base64. */
const sealedBytes = ({ sealed }: SecretRow) => (sealed.length / 4) * 3;

/** Names count too, because they are delivered with the values. */
function tooMuch(others: readonly SecretRow[], keyName: string, bytes: number) {
  const all = others.reduce((sum, row) => sum + row.keyName.length + sealedBytes(row), keyName.length + bytes);
  return all <= MAX_SECRET_BYTES ? undefined : refused('CONFLICT', 'The secrets of a space can take at most 1 MiB together.');
}
