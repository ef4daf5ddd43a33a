/** Secrets are sealed while they are decided: by then no change of the sealing key can come between. */
import type { SecretObject } from '../../../contract/secrets.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { SpaceId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { NewEvent } from '../../events/events.ts';
import { NO_SECRET, NO_SPACE } from '../refusals.ts';
import type { SecretRow, SpaceRow } from '../rows.ts';
import { secretObject } from '../space-objects.ts';

/** They are delivered together, and become the environment of what an agent starts. */
export const MAX_SECRETS = 500;
export const MAX_SECRET_BYTES = 1024 * 1024;

/** A value on its way into a row. */
export interface SealableValue {
  /** In UTF-8. */
  readonly bytes: number;
  seal(thing: Pick<SecretRow, 'id' | 'spaceId' | 'keyName'>): Pick<SecretRow, 'sealed' | 'keyId'>;
}

export interface NewSecret {
  readonly id: string;
  readonly spaceId: SpaceId;
  readonly keyName: string;
  readonly description: string | null;
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
        return unchanged(refused('CONFLICT', `The space has a secret "${input.keyName}" already: change it with PUT.`));
      }
      if (there.length >= MAX_SECRETS) return unchanged(refused('CONFLICT', `A space may have ${MAX_SECRETS} secrets, and has them.`));
      const full = tooMuch(there, input.keyName, value.bytes);
      if (full !== undefined) return unchanged(full);
      const row: SecretRow = { ...input, ...value.seal(input), createdAt: now, updatedAt: now, createdBy: user };
      return { ...changed(space, [put('secrets', row)]), answer: accepted(secretObject(space.name, row)) };
    },
  };
}

export interface SecretChange {
  readonly value?: SealableValue;
  /** Null clears it. */
  readonly description?: string | null;
}

/** Another value is in force before the next message of the space's sessions runs. */
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
      if (value === undefined) return { mutations: [put('secrets', row)], events: [], answer: accepted(shown) };
      return { ...changed(space, [put('secrets', row)]), answer: accepted(shown) };
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
      return { ...changed(space, [{ kind: 'remove', table: 'secrets', id }]), answer: accepted(undefined) };
    },
  };
}

/**
 * Seals anew, under the key of now, some of what another key sealed. Changes nothing that anybody sees. Answers how many
 * there were: 0 when nothing is left to do.
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
      return { mutations: rows.map((row, at) => put('secrets', { ...row, ...reseal(row, at) })), events: [], answer: rows.length };
    },
  };
}

/** Base64 of nonce, value and tag: a little more than the value is. */
const sealedBytes = ({ sealed }: SecretRow) => (sealed.length / 4) * 3;

/** Names count, as they do where secrets are delivered. */
function tooMuch(others: readonly SecretRow[], keyName: string, bytes: number) {
  const all = others.reduce((sum, row) => sum + row.keyName.length + sealedBytes(row), keyName.length + bytes);
  return all <= MAX_SECRET_BYTES ? undefined : refused('CONFLICT', 'The secrets of a space may have 1 MiB together.');
}

/** The event does not say which: whoever sees the sessions of a space need not be allowed to list its secrets. */
function changed(space: SpaceRow, mutations: readonly Mutation[]): { mutations: readonly Mutation[]; events: readonly NewEvent[] } {
  const secretsVersion = space.secretsVersion + 1;
  return {
    mutations: [...mutations, put('spaces', { ...space, secretsVersion })],
    events: [{ type: 'secrets.changed', spaceId: space.id, sessionId: null, data: { space: space.name, secrets_version: secretsVersion } }],
  };
}
