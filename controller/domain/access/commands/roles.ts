import type { RoleObject, Rule } from '../../../contract/roles.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { EventType, NewEvent } from '../../events/events.ts';
import { roleObject } from '../access-objects.ts';
import { NO_ROLE } from '../refusals.ts';
import type { RoleRow } from '../rows.ts';
import { bindingRemoved } from './role-bindings.ts';

export interface NewRole {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly rules: readonly Rule[];
  readonly request: KnownRequest | undefined;
}

/**
 * Creates a role. Its rules are checked against the caller's rights when it is bound: until then it
 * grants nothing.
 */
export function createRole({ id, name, description, rules, request }: NewRole): Command<Outcome<RoleObject>> {
  return {
    name: 'create-role',
    grows: true,
    decide({ view, now }) {
      const made = recall(view, request, 'role', (id) => {
        const row = view.get('roles', id);
        return row && roleObject(row);
      });
      if (made !== undefined) return unchanged(made);
      if (view.roleByName(name) !== undefined) return unchanged(refused('CONFLICT', `The role "${name}" already exists.`));
      const row: RoleRow = { id, name, description, rules, builtIn: false, createdAt: now };
      return {
        mutations: [put('roles', row), ...remember(request, id, now)],
        events: [eventOf('role.created', row)],
        answer: accepted(roleObject(row)),
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
        answer: accepted(undefined),
      };
    },
  };
}

const eventOf = (type: EventType, row: RoleRow): NewEvent => ({ type, spaceId: null, sessionId: null, data: { role: roleObject(row) } });
