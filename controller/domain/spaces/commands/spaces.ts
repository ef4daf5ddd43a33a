import type { ChangeSpace, SpaceObject } from '../../../contract/spaces.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import type { SpaceId } from '../../engine/ids.ts';
import { type Mutation, put, type TableName } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { NewEvent } from '../../events/events.ts';
import { NO_SPACE } from '../refusals.ts';
import type { SpaceRow } from '../rows.ts';
import { spaceObject } from '../space-objects.ts';
import { BOUNDS } from '../space-settings.ts';

/** Every store begins with it, and what names no space goes there. */
export const DEFAULT_SPACE = 'default';

export interface NewSpace {
  readonly id: SpaceId;
  readonly name: string;
  readonly description: string | null;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly user: string;
  readonly request: KnownRequest | undefined;
}

export function createSpace({ request, user, ...input }: NewSpace): Command<Outcome<SpaceObject>> {
  return {
    name: 'create-space',
    grows: true,
    decide({ view, now }) {
      const made = recall(view, request, 'space', (id) => {
        const row = view.get('spaces', id);
        return row && spaceObject(row);
      });
      if (made !== undefined) return unchanged(made);
      if (view.spaceByName(input.name) !== undefined) return unchanged(refused('CONFLICT', `There is a space "${input.name}" already.`));
      const row: SpaceRow = { ...input, secretsVersion: 0, active: true, createdAt: now, updatedAt: now, createdBy: user };
      return {
        mutations: [put('spaces', row), ...remember(request, row.id, now)],
        events: [spaceEvent('space.created', row)],
        answer: accepted(spaceObject(row)),
      };
    },
  };
}

/**
 * Settings hold for what is made or resumed from now on; sessions that are there keep theirs. 403 for a change of what bounds the
 * space where `mayBound` is false: its own admins would free themselves of it.
 */
export function changeSpace(id: SpaceId, change: Omit<ChangeSpace, 'name'>, mayBound: boolean): Command<Outcome<SpaceObject>> {
  return {
    name: 'change-space',
    decide({ view, now }) {
      const before = view.get('spaces', id);
      if (before === undefined) return unchanged(NO_SPACE);
      const bound = mayBound ? undefined : BOUNDS.find((name) => change.settings && !same(before.settings[name], change.settings[name]));
      if (bound !== undefined) return unchanged(refused('FORBIDDEN', boundKept(bound, before.settings[bound])));
      const row: SpaceRow = { ...before, ...change, updatedAt: now };
      return { mutations: [put('spaces', row)], events: [spaceEvent('space.updated', row)], answer: accepted(spaceObject(row)) };
    },
  };
}

/** A bound that is not set, is null or has no entries are the same. */
const same = (one: unknown, other: unknown) => sorted(one ?? {}) === sorted(other ?? {});

/** JSON in which the order of keys says nothing. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

function boundKept(name: string, value: unknown): string {
  const how = value === undefined ? `leave settings.${name} out` : `send settings.${name} as it is (GET shows it)`;
  return `Changing settings.${name} needs the permission spaces:update on all spaces. To change other settings, ${how}.`;
}

/**
 * Removes a space that holds no session, and everything that refers to its id: what is made again under its name begins
 * with nothing. 409 for the space that every store has, and while sessions exist.
 */
export function removeSpace(id: SpaceId): Command<Outcome<undefined>> {
  return {
    name: 'remove-space',
    decide({ view }) {
      const row = view.get('spaces', id);
      if (row === undefined) return unchanged(NO_SPACE);
      if (row.name === DEFAULT_SPACE) return unchanged(refused('CONFLICT', `The space "${DEFAULT_SPACE}" cannot be deleted.`));
      if (view.hasSessionIn(id)) {
        return unchanged(refused('CONFLICT', `The space "${row.name}" has sessions: delete them first (GET /sessions?space=${row.name}).`));
      }
      const those: readonly (readonly [TableName, readonly { readonly id: string }[]])[] = [
        ['secrets', view.secretsIn(id)],
        ['agents', view.agentsIn(id)],
        ['builds', view.buildsIn(id)],
        ['bindings', view.bindingsIn(id)],
        ['spaces', [row]],
      ];
      const mutations = those.flatMap(([table, rows]) => rows.map((one): Mutation => ({ kind: 'remove', table, id: one.id })));
      return { mutations, events: [spaceEvent('space.deleted', row)], answer: accepted(undefined) };
    },
  };
}

/** Without its settings: whoever sees the sessions of a space sees its events, and need not be allowed to see those. */
const spaceEvent = (type: 'space.created' | 'space.updated' | 'space.deleted', row: SpaceRow): NewEvent => ({
  type,
  spaceId: row.id,
  sessionId: null,
  data: { space: row.name, active: row.active },
});
