import type { BindingFilter, CreateBinding } from '../../contract/access/role-bindings.ts';
import type { Verb } from '../../contract/access/roles.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { bindingObject } from '../../domain/access/access-objects.ts';
import { createBinding, removeBinding } from '../../domain/access/commands/role-bindings.ts';
import { NO_ACCOUNT, NO_BINDING, NO_ROLE } from '../../domain/access/refusals.ts';
import type { AccountRow, BindingRow, RoleRow } from '../../domain/access/rows.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, hidden, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import { checkGlobal, forbidden, spaceFor } from './access.ts';
import { findAccount } from './account-service.ts';
import type { Caller, Idempotency } from './caller.ts';
import { findRole, type RoleDeps } from './role-service.ts';

export type RoleBindings = ReturnType<typeof roleBindingService>;

/** Checks permissions in the space of the binding, or globally for a binding in every space. */
export function roleBindingService({ applier, view, lists, random, storeKey }: RoleDeps) {
  function scopeFor(caller: Caller, space: string | undefined, verb: Verb): Outcome<SpaceId | null> {
    if (space === undefined) {
      const may = checkGlobal(caller, 'role-bindings', verb);
      return may.ok ? accepted(null) : may;
    }
    const found = spaceFor(view, caller, space, 'role-bindings', verb);
    return found.ok ? accepted(found.value.id) : found;
  }

  /** A binding in a space where the caller has no role looks as if it did not exist. */
  function bindingFor(caller: Caller, id: string, verb: Verb): Outcome<BindingRow> {
    const row = view.get('bindings', id.toLowerCase());
    if (row === undefined) return NO_BINDING;
    if (row.spaceId !== null && !caller.permissions.knows(row.spaceId)) return hidden(NO_BINDING);
    return caller.permissions.allows('role-bindings', verb, row.spaceId, row.id) ? accepted(row) : forbidden('role-bindings', verb);
  }

  /**
   * Returns a role if the caller has all of its permissions there. Without roles:get, the answer
   * does not reveal whether the role exists.
   */
  function grantable(caller: Caller, name: string, spaceId: SpaceId | null): Outcome<RoleRow> {
    const role = findRole(view, name);
    if (role !== undefined && caller.permissions.covers(role.rules, spaceId)) return accepted(role);
    const seesRole = checkGlobal(caller, 'roles', 'get', ...(role === undefined ? [name] : [role.name, role.id])).ok;
    if (!seesRole) return refused('FORBIDDEN', `The role "${name}" does not exist or has permissions that you do not have there.`);
    if (role === undefined) return NO_ROLE;
    return refused(
      'FORBIDDEN',
      `The role "${role.name}" has permissions that you do not have there. You can grant only permissions that you have.`,
    );
  }

  return {
    /** Returns all bindings, or those of one space. */
    async list(caller: Caller, { space }: BindingFilter, page: PageRequest) {
      const scope = scopeFor(caller, space, 'list');
      if (!scope.ok) return scope;
      const found = await lists.rows('bindings', scope.value === null ? {} : { spaceId: scope.value }, page);
      return accepted({ items: found.items.map((row) => bindingObject(view, row)), total: found.total });
    },
    /** 403 for a role with permissions that the caller lacks there. */
    async create(caller: Caller, input: CreateBinding, idempotency?: Idempotency) {
      const scope = scopeFor(caller, input.space, 'create');
      if (!scope.ok) return scope;
      const role = grantable(caller, input.role_name, scope.value);
      if (!role.ok) return role;
      // Looked up last: a caller who cannot grant the role must not learn which accounts exist.
      const principalType = input.principal_type ?? 'ServiceAccount';
      const account: AccountRow | undefined = principalType === 'User' ? undefined : findAccount(view, input.principal);
      if (principalType === 'ServiceAccount' && account === undefined) return NO_ACCOUNT;
      const principal = account?.user ?? input.principal;
      const request = knownRequest(storeKey, caller, idempotency);
      const binding = {
        id: random.uuid(),
        roleId: role.value.id,
        principal,
        principalType,
        accountId: account?.id ?? null,
        spaceId: scope.value,
      };
      return applier.submit(createBinding(binding, request), caller);
    },
    get: (caller: Caller, id: string) => mapped(bindingFor(caller, id, 'get'), (row) => bindingObject(view, row)),
    async remove(caller: Caller, id: string) {
      const row = bindingFor(caller, id, 'delete');
      return row.ok ? applier.submit(removeBinding(row.value.id), caller) : row;
    },
  };
}
