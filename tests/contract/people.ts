/** Creates accounts, roles and spaces for a contract test, and removes them afterwards. */
import { randomUUID } from 'node:crypto';
import { expect, Rest } from '../cluster/rest.ts';
import type { Target } from './target.ts';

export const PASSWORD = 'a long enough password';
export const unique = (word: string): string => `${word}-${randomUUID().slice(0, 8)}`;
export const refusal = (status: number, code: string, message: RegExp = /./) => ({ status, body: { error: { code, message } } });

interface Scope {
  teardown(run: () => Promise<unknown>): unknown;
}
export interface Person {
  readonly user: string;
  readonly id: string;
  readonly rest: Rest;
  readonly token: string;
}

/** Roles, each in a space or (null) everywhere. */
export type Held = readonly (readonly [role: string, space: string | null])[];

export async function person(t: Scope, { rest, url }: Target, ...held: Held): Promise<Person> {
  const user = unique('user');
  const made = expect(await rest.call('POST', '/service-accounts', { user, pass: PASSWORD }), 201, 'make an account') as { id: string };
  t.teardown(() => rest.call('DELETE', `/service-accounts/${made.id}`));
  for (const [role_name, space] of held) await bind(t, rest, role_name, user, space);
  const token = await login(url, user);
  return { user, id: made.id, token, rest: new Rest(url, token) };
}

export async function login(url: string, user: string, pass = PASSWORD): Promise<string> {
  const answer = await new Rest(url, '').call('POST', '/auth/login', { user, pass });
  return (expect(answer, 200, `log in as ${user}`) as { token: string }).token;
}

/** Returns the id of the binding. */
export async function bind(t: Scope, rest: Rest, role_name: string, principal: string, space: string | null): Promise<string> {
  const answer = await rest.call('POST', '/role-bindings', { role_name, principal, space });
  const { id } = expect(answer, 201, `bind ${role_name} to ${principal}`) as { id: string };
  t.teardown(() => rest.call('DELETE', `/role-bindings/${id}`));
  return id;
}

/** A role of one rule, as "resources verbs": `sessions,agents list,get`. */
export async function role(t: Scope, { rest }: Target, ...rules: readonly string[]): Promise<string> {
  const name = unique('role');
  const spelled = rules.map((rule) => {
    const [resources = '', verbs = '', names] = rule.split(' ');
    return { resources: resources.split(','), verbs: verbs.split(','), resource_names: names?.split(',') };
  });
  expect(await rest.call('POST', '/roles', { name, rules: spelled }), 201, 'make a role');
  t.teardown(() => rest.call('DELETE', `/roles/${name}`));
  return name;
}

export async function space(t: Scope, { rest }: Target): Promise<string> {
  const name = unique('space');
  expect(await rest.call('POST', '/spaces', { name }), 201, 'make a space');
  t.teardown(() => rest.call('DELETE', `/spaces/${name}`));
  return name;
}
