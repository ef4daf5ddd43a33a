import type { Random } from '../../../seams/random.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { checkedSettings, type SizeRules } from '../../domain/sessions/session-sizes.ts';
import { changeSpace, createSpace, removeSpace } from '../../domain/spaces/commands/spaces.ts';
import { spaceObject } from '../../domain/spaces/space-objects.ts';
import { forbidden, spaceFor } from '../access/access.ts';
import type { Spaces } from '../engine/api.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';

export interface SpaceDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly sizes: SizeRules;
}

export function spaceService({ applier, view, lists, random, storeKey, sizes }: SpaceDeps): Spaces {
  return {
    async list(caller, { active }, page) {
      const visible = caller.permissions.spacesAllowing('spaces', 'list');
      if (visible !== 'all' && visible.size === 0) return forbidden('spaces', 'list');
      const found = await lists.rows('spaces', active === undefined ? {} : { active }, page, visible === 'all' ? undefined : [...visible]);
      return accepted({ items: found.items.map(spaceObject), total: found.total });
    },
    async create(caller, { name, description = null, settings = {} }, idempotency) {
      if (!caller.permissions.allows('spaces', 'create', null, name)) return forbidden('spaces', 'create');
      const fit = checkedSettings(sizes, settings);
      if (!fit.ok) return fit;
      const request = knownRequest(storeKey, caller, idempotency);
      const id = random.uuid() as SpaceId;
      return applier.submit(createSpace({ id, name, description, settings, user: caller.user, request }), caller);
    },
    get(caller, name) {
      const space = spaceFor(view, caller, name, 'spaces', 'get');
      return space.ok ? accepted(spaceObject(space.value)) : space;
    },
    async update(caller, name, { name: named, ...change }) {
      const space = spaceFor(view, caller, name, 'spaces', 'update');
      if (!space.ok) return space;
      if (named !== undefined && named !== name) {
        return refused('BAD_REQUEST', 'The name of a space cannot be changed: make another one.');
      }
      if (Object.keys(change).length === 0) return refused('BAD_REQUEST', 'Nothing to change: send description, settings or active.');
      const fit = checkedSettings(sizes, change.settings ?? {});
      // The row of the moment of the command is what counts: what was read here can be old by then.
      const mayBound = caller.permissions.allows('spaces', 'update', null);
      return fit.ok ? applier.submit(changeSpace(space.value.id, change, mayBound), caller) : fit;
    },
    async remove(caller, name) {
      const space = spaceFor(view, caller, name, 'spaces', 'delete');
      return space.ok ? applier.submit(removeSpace(space.value.id), caller) : space;
    },
  };
}
