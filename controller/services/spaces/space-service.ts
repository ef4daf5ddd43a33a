import type { Random } from '../../../seams/random.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { ChangeSpace, CreateSpace, PatchSpace, SpaceFilter } from '../../contract/spaces.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, mapped, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { checkedSettings, type SizeRules } from '../../domain/sessions/session-sizes.ts';
import { type CheckSettings, changeSpace, createSpace, patchSpace, removeSpace } from '../../domain/spaces/commands/spaces.ts';
import { spaceObject } from '../../domain/spaces/space-objects.ts';
import { forbidden, spaceFor } from '../access/access.ts';
import type { Caller, Idempotency } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';

export type Spaces = ReturnType<typeof spaceService>;

export interface SpaceDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly sizes: SizeRules;
}

export function spaceService({ applier, view, lists, random, storeKey, sizes }: SpaceDeps) {
  return {
    /** Returns the spaces that the caller can see. */
    async list(caller: Caller, { active }: SpaceFilter, page: PageRequest) {
      const visible = caller.permissions.spacesAllowing('spaces', 'list');
      if (visible !== 'all' && visible.size === 0) return forbidden('spaces', 'list');
      const found = await lists.rows('spaces', active === undefined ? {} : { active }, page, visible === 'all' ? undefined : [...visible]);
      return accepted({ items: found.items.map(spaceObject), total: found.total });
    },
    async create(caller: Caller, { name, description, settings = {} }: CreateSpace, idempotency?: Idempotency) {
      if (!caller.permissions.allows('spaces', 'create', null, name)) return forbidden('spaces', 'create');
      const fit = checkedSettings(sizes, settings);
      if (!fit.ok) return fit;
      const request = knownRequest(storeKey, caller, idempotency);
      const id = random.uuid() as SpaceId;
      return applier.submit(createSpace({ id, name, description: description ?? null, settings, createdBy: caller.user }, request), caller);
    },
    get: (caller: Caller, name: string) => mapped(spaceFor(view, caller, name, 'spaces', 'get'), spaceObject),
    /** 400 for an empty change or a new name. */
    async update(caller: Caller, name: string, { name: named, ...change }: ChangeSpace) {
      const space = spaceFor(view, caller, name, 'spaces', 'update');
      if (!space.ok) return space;
      if (named !== undefined && named !== name) {
        return refused('BAD_REQUEST', 'A space cannot be renamed. Create another space instead.');
      }
      if (Object.keys(change).length === 0)
        return refused('BAD_REQUEST', 'The request changes nothing. Send description, settings or active.');
      const fit = checkedSettings(sizes, change.settings ?? {});
      // The command checks the current row: the row read here can be outdated by then.
      const canSetLimits = caller.permissions.allows('spaces', 'update', null);
      return fit.ok ? applier.submit(changeSpace(space.value.id, change, canSetLimits), caller) : fit;
    },
    /**
     * Merges the settings into those of the space at the time of the change, so that changes of
     * different settings at once both hold. `check` parses the merged settings.
     */
    async patch(caller: Caller, name: string, change: PatchSpace, check: CheckSettings) {
      const space = spaceFor(view, caller, name, 'spaces', 'update');
      if (!space.ok) return space;
      if (Object.keys(change).length === 0)
        return refused('BAD_REQUEST', 'The request changes nothing. Send description, settings or active.');
      const canSetLimits = caller.permissions.allows('spaces', 'update', null);
      const merge: CheckSettings = (settings) => {
        const merged = check(settings);
        return merged.ok ? mapped(checkedSettings(sizes, merged.value), () => merged.value) : merged;
      };
      return applier.submit(patchSpace(space.value.id, change, merge, canSetLimits), caller);
    },
    /** Deletes a space with its secrets, agents, builds and bindings. 409 while it has sessions. */
    async remove(caller: Caller, name: string) {
      const space = spaceFor(view, caller, name, 'spaces', 'delete');
      return space.ok ? applier.submit(removeSpace(space.value.id), caller) : space;
    },
  };
}
