import type { ChangeSpace, PatchSpace, SpaceObject } from '../../../contract/spaces.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import type { SpaceId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { NewEvent } from '../../events/events.ts';
import { slotEnds } from '../../slots/slot.ts';
import { mergePatch } from '../merge-patch.ts';
import { NO_SPACE } from '../refusals.ts';
import type { SpaceRow } from '../rows.ts';
import { spaceObject } from '../space-objects.ts';
import { BOUNDS, guestsSecretIn } from '../space-settings.ts';

/** The space that every store has, and the default for requests that name none. */
export const DEFAULT_SPACE = 'default';

export function createSpace(
  input: Pick<SpaceRow, 'id' | 'name' | 'description' | 'settings' | 'createdBy'>,
  request?: KnownRequest,
): Command<Outcome<SpaceObject>> {
  return {
    name: 'create-space',
    grows: true,
    decide({ view, now }) {
      const made = recall(view, request, ['spaces', 'space'], (row) => spaceObject(row));
      if (made !== undefined) return unchanged(made);
      if (view.spaceByName(input.name) !== undefined) return unchanged(refused('CONFLICT', `The space "${input.name}" already exists.`));
      const row: SpaceRow = { ...input, secretsVersion: 0, active: true, createdAt: now, updatedAt: now };
      return {
        mutations: [put('spaces', row), ...remember(request, row.id, now)],
        events: [spaceEvent('space.created', row)],
        result: accepted(spaceObject(row)),
      };
    },
  };
}

/**
 * Changes a space. Settings apply to sessions that are created or resumed later. Refuses a change
 * of the space's bounds with 403 if `canSetLimits` is false: otherwise its own admins could lift
 * them.
 */
export function changeSpace(id: SpaceId, change: Omit<ChangeSpace, 'name'>, canSetLimits: boolean): Command<Outcome<SpaceObject>> {
  return {
    name: 'change-space',
    decide({ view, now }) {
      const before = view.get('spaces', id);
      if (before === undefined) return unchanged(NO_SPACE);
      const bound = canSetLimits
        ? undefined
        : BOUNDS.find((name) => change.settings && !same(before.settings[name], change.settings[name]));
      if (bound !== undefined) return unchanged(refused('FORBIDDEN', boundUnchanged(bound, before.settings[bound])));
      // Guests get the name of the model's key with the secrets.
      const isSame = guestsSecretIn(before.settings) === guestsSecretIn(change.settings ?? before.settings);
      const secretsVersion = before.secretsVersion + (isSame ? 0 : 1);
      const row: SpaceRow = { ...before, ...change, secretsVersion, updatedAt: now };
      return { mutations: [put('spaces', row)], events: [spaceEvent('space.updated', row)], result: accepted(spaceObject(row)) };
    },
  };
}

export type Settings = NonNullable<ChangeSpace['settings']>;
/** Parses merged settings, or refuses them. Pure. */
export type CheckSettings = (settings: SpaceRow['settings']) => Outcome<Settings>;

/** Like {@link changeSpace}, with settings that are merged into those of the row. */
export function patchSpace(
  id: SpaceId,
  { settings: patch, ...change }: PatchSpace,
  check: CheckSettings,
  canSetLimits: boolean,
): Command<Outcome<SpaceObject>> {
  return {
    name: 'patch-space',
    decide(context) {
      const before = context.view.get('spaces', id);
      if (before === undefined || patch === undefined) return changeSpace(id, change, canSetLimits).decide(context);
      const merged = check(mergePatch(before.settings, patch));
      return merged.ok ? changeSpace(id, { ...change, settings: merged.value }, canSetLimits).decide(context) : unchanged(merged);
    },
  };
}

/** Whether two bounds are equal; unset, null and empty are the same. */
const same = (one: unknown, other: unknown) => sorted(one ?? {}) === sorted(other ?? {});

/** Returns JSON that is independent of the order of keys. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

function boundUnchanged(name: string, value: unknown): string {
  const how = value === undefined ? `leave out settings.${name}` : `send settings.${name} unchanged (GET shows it)`;
  return `Changing settings.${name} needs the permission spaces:update on all spaces. To change other settings, ${how}.`;
}

/**
 * Deletes a space without sessions, and everything that refers to its id: a later space of the same
 * name inherits nothing. Refuses with 409 for the default space, and while sessions exist.
 */
export function removeSpace(id: SpaceId): Command<Outcome<undefined>> {
  return {
    name: 'remove-space',
    decide({ view, now }) {
      const row = view.get('spaces', id);
      if (row === undefined) return unchanged(NO_SPACE);
      if (row.name === DEFAULT_SPACE) return unchanged(refused('CONFLICT', `The space "${DEFAULT_SPACE}" cannot be deleted.`));
      if (view.hasSessionIn(id)) {
        return unchanged(refused('CONFLICT', `The space "${row.name}" has sessions. Delete them first (GET /sessions?space=${row.name}).`));
      }
      const those: readonly (readonly ['secrets' | 'agents' | 'builds' | 'bindings' | 'spaces', readonly { readonly id: string }[]])[] = [
        ['secrets', view.secretsIn(id)],
        ['agents', view.agentsIn(id)],
        ['builds', view.buildsIn(id)],
        ['bindings', view.bindingsIn(id)],
        ['spaces', [row]],
      ];
      const mutations = those.flatMap(([table, rows]) => rows.map((one): Mutation => ({ kind: 'remove', table, id: one.id })));
      mutations.push(...view.slotsIn(id).flatMap((slot) => slotEnds(slot, now)));
      // Nothing else knows later that these images were the cluster's.
      for (const { image } of view.buildsIn(id)) mutations.push(put('condemnedImages', { id: image, condemnedAt: now }));
      return { mutations, events: [spaceEvent('space.deleted', row)], result: accepted(undefined) };
    },
  };
}

/**
 * Events of a space omit its settings: callers who see a space's sessions see its events, but
 * cannot always read its settings.
 */
const spaceEvent = (type: 'space.created' | 'space.updated' | 'space.deleted', row: SpaceRow): NewEvent => ({
  type,
  spaceId: row.id,
  sessionId: null,
  data: { space: row.name, active: row.active },
});
