import type { Random } from '../../../seams/random.ts';
import type { CreateRole, Verb } from '../../contract/access/roles.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { roleObject } from '../../domain/access/access-objects.ts';
import { createRole, removeRole } from '../../domain/access/commands/roles.ts';
import { NO_ROLE } from '../../domain/access/refusals.ts';
import type { RoleRow } from '../../domain/access/rows.ts';
import { accepted, mapped, type Outcome } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';
import { checkGlobal } from './access.ts';
import type { Caller, Idempotency } from './caller.ts';

export type Roles = ReturnType<typeof roleService>;

export interface RoleDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly storeKey: Uint8Array;
}

/** Looks up by id first, then by name. */
export const findRole = (view: View, id: string): RoleRow | undefined => view.get('roles', id.toLowerCase()) ?? view.roleByName(id);

/** In every method, `id` is an id or a name. */
export function roleService({ applier, view, lists, random, storeKey }: RoleDeps) {
  function roleFor(caller: Caller, id: string, verb: Verb): Outcome<RoleRow> {
    const row = findRole(view, id);
    const may = checkGlobal(caller, 'roles', verb, ...(row === undefined ? [id] : [row.name, row.id]));
    if (!may.ok) return may;
    return row === undefined ? NO_ROLE : accepted(row);
  }

  return {
    async list(caller: Caller, page: PageRequest) {
      const may = checkGlobal(caller, 'roles', 'list');
      if (!may.ok) return may;
      const found = await lists.rows('roles', {}, page);
      return accepted({ items: found.items.map(roleObject), total: found.total });
    },
    async create(caller: Caller, { name, description, rules }: CreateRole, idempotency?: Idempotency) {
      const may = checkGlobal(caller, 'roles', 'create', name);
      if (!may.ok) return may;
      const request = knownRequest(storeKey, caller, idempotency);
      return applier.submit(createRole({ id: random.uuid(), name, description: description ?? null, rules }, request), caller);
    },
    get: (caller: Caller, id: string) => mapped(roleFor(caller, id, 'get'), roleObject),
    async remove(caller: Caller, id: string) {
      const row = roleFor(caller, id, 'delete');
      return row.ok ? applier.submit(removeRole(row.value.id), caller) : row;
    },
  };
}
