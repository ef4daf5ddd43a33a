import type { RoleRow, Rule } from './rows.ts';

export type { Rule } from './rows.ts';

export type Resource =
  | 'service-accounts'
  | 'roles'
  | 'role-bindings'
  | 'spaces'
  | 'secrets'
  | 'agents'
  | 'builds'
  | 'sessions'
  | 'nodes'
  | 'events'
  | 'audit';
export type Verb = 'list' | 'get' | 'create' | 'update' | 'delete' | 'read-values' | 'deploy' | 'logs' | 'exec';

export interface Role {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A role held in one space, or (null) in all of them and globally. */
export interface Binding {
  readonly role: Role;
  readonly spaceId: string | null;
}

/** What one subject may do: default deny, the union of its bindings. */
export class Permissions {
  readonly #bindings: readonly Binding[];
  constructor(bindings: readonly Binding[]) {
    this.#bindings = bindings;
  }

  /** In `spaceId`, or globally when that is null (then only bindings to every space count). */
  allows(resource: Resource, verb: Verb, spaceId: string | null, name?: string): boolean {
    return this.#bindings.some(
      (binding) =>
        (binding.spaceId === null || binding.spaceId === spaceId) && binding.role.rules.some((rule) => matches(rule, resource, verb, name)),
    );
  }

  /** The spaces in which it allows something: all of them, or those named. */
  spacesAllowing(resource: Resource, verb: Verb): 'all' | ReadonlySet<string> {
    if (this.allows(resource, verb, null)) return 'all';
    const spaces = this.#bindings.flatMap(({ spaceId }) => (spaceId !== null && this.allows(resource, verb, spaceId) ? [spaceId] : []));
    return new Set(spaces);
  }

  /** Whether anything at all is allowed there, so that its existence is no secret. */
  knows(spaceId: string): boolean {
    return this.#bindings.some((binding) => binding.spaceId === null || binding.spaceId === spaceId);
  }

  roleNames(): string[] {
    return [...new Set(this.#bindings.map((binding) => binding.role.name))];
  }
}

const has = (list: readonly string[], word: string) => list.includes('*') || list.includes(word);

function matches(rule: Rule, resource: Resource, verb: Verb, name: string | undefined): boolean {
  if (!has(rule.resources, resource) || !has(rule.verbs, verb)) return false;
  return rule.resource_names === undefined || (name !== undefined && has(rule.resource_names, name));
}

const rule = (resources: readonly string[], verbs: readonly string[]): Rule => ({ api_groups: ['*'], resources, verbs });

/** Their ids are the same in every cluster. */
export const BUILT_IN_ROLES: readonly Omit<RoleRow, 'builtIn' | 'createdAt'>[] = [
  { id: '6f1c7a52-0000-4000-8000-000000000001', name: 'admin', description: 'Everything', rules: [rule(['*'], ['*'])] },
  {
    id: '6f1c7a52-0000-4000-8000-000000000002',
    name: 'operator',
    description: 'Runs the cluster; sees no secret values',
    rules: [
      rule(['sessions', 'agents', 'builds'], ['*']),
      rule(['secrets'], ['list', 'get', 'create', 'update', 'delete']),
      rule(['nodes'], ['list', 'get', 'update']),
      rule(['spaces'], ['list', 'get']),
    ],
  },
  {
    id: '6f1c7a52-0000-4000-8000-000000000003',
    name: 'developer',
    description: 'Builds agents and works in sessions',
    rules: [rule(['sessions', 'agents', 'builds'], ['*']), rule(['secrets'], ['list', 'get'])],
  },
  {
    id: '6f1c7a52-0000-4000-8000-000000000004',
    name: 'viewer',
    description: 'Sees everything but values',
    rules: [rule(['*'], ['list', 'get'])],
  },
];
