import type { RoleObject } from '../../../contract/access/roles.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { type EventType, globalEvent } from '../../events/events.ts';
import { roleObject } from '../access-objects.ts';
import { NO_ROLE } from '../refusals.ts';
import type { RoleRow } from '../rows.ts';
import { bindingRemoved } from './role-bindings.ts';

/**
 * Creates a role. It grants nothing until it is bound, when its rules are checked against the
 * rights of the caller.
 */
export function createRole(
  role: Pick<RoleRow, 'id' | 'name' | 'description' | 'rules'>,
  request?: KnownRequest,
): Command<Outcome<RoleObject>> {
  return {
    name: 'create-role',
    grows: true,
    decide({ view, now }) {
      const recalled = recall(view, request, ['roles', 'role'], (row) => roleObject(row));
      if (recalled !== undefined) return unchanged(recalled);
      if (view.roleByName(role.name) !== undefined) return unchanged(refused('CONFLICT', `The role "${role.name}" already exists.`));
      const row: RoleRow = { ...role, builtIn: false, createdAt: now };
      return {
        mutations: [put('roles', row), ...remember(request, row.id, now)],
        events: [eventOf('role.created', row)],
        result: accepted(roleObject(row)),
      };
    },
  };
}

/** Deletes a role with its bindings. */
export function removeRole(id: string): Command<Outcome<undefined>> {
  return {
    name: 'remove-role',
    decide({ view }) {
      const row = view.get('roles', id);
      if (row === undefined) return unchanged(NO_ROLE);
      if (row.builtIn) return unchanged(refused('CONFLICT', `The role "${row.name}" is built in and cannot be deleted.`));
      const bindings = view.bindingsTo(id);
      const mutations = bindings.map((binding): Mutation => ({ kind: 'remove', table: 'bindings', id: binding.id }));
      return {
        mutations: [...mutations, { kind: 'remove', table: 'roles', id }],
        events: [...bindings.map((binding) => bindingRemoved(view, binding)), eventOf('role.deleted', row)],
        result: accepted(undefined),
      };
    },
  };
}

const eventOf = (type: EventType, row: RoleRow) => globalEvent(type, { role: roleObject(row) });
