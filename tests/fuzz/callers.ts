import { Rest } from '../cluster/rest.ts';
import { PASSWORD } from './constants.ts';
import type { FuzzTarget } from './target.ts';

/** Who asks; those that get furthest more often. `admin` is not the root of the cluster, whom nobody touches. */
export const CALLERS = [
  ...['admin', 'admin', 'admin', 'admin', 'admin', 'admin', 'admin', 'admin', 'key', 'developer', 'developer', 'viewer'],
  ...['foreign', 'foreign', 'nobody', 'nobody', 'narrow', 'none', 'garbage', 'logged-out', 'left', 'left'],
] as const satisfies readonly string[];
export type CallerName =
  | 'admin'
  | 'key'
  | 'developer'
  | 'viewer'
  | 'foreign'
  | 'nobody'
  | 'narrow'
  | 'none'
  | 'garbage'
  | 'logged-out'
  | 'left';

export const OWN_SPACE = 'fz-own';
export const FOREIGN_SPACE = 'fz-foreign';
const ACCOUNTS: readonly (readonly [CallerName, role: string, space: string | null])[] = [
  ['admin', 'admin', null],
  ['developer', 'developer', OWN_SPACE],
  ['viewer', 'viewer', null],
  ['foreign', 'admin', FOREIGN_SPACE],
];

export class Callers {
  readonly #target: FuzzTarget;
  readonly #tokens = new Map<string, string>();
  readonly #stale = new Set<string>();
  /** Of somebody who has lost every role in its space. */
  leftBehind = '';

  constructor(target: FuzzTarget) {
    this.#target = target;
  }

  /** Makes the accounts, spaces, bindings and keys. */
  async open(): Promise<void> {
    const { root, url } = this.#target;
    for (const name of [OWN_SPACE, FOREIGN_SPACE]) await done(root, '/spaces', { name });
    for (const user of ['admin', 'developer', 'viewer', 'foreign', 'nobody', 'logged-out', 'left']) {
      await done(root, '/service-accounts', { user: userOf(user), pass: PASSWORD });
    }
    for (const [user, role_name, space] of ACCOUNTS) await done(root, '/role-bindings', { role_name, principal: userOf(user), space });
    for (const name of ['admin', 'developer', 'viewer', 'foreign', 'nobody', 'logged-out', 'left']) await this.#login(name);
    const role = await done(root, '/role-bindings', { role_name: 'developer', principal: userOf('left'), space: OWN_SPACE });
    const left = new Rest(url, this.#tokens.get('left') ?? '');
    this.leftBehind = await done(left, '/sessions', { space: OWN_SPACE });
    await root.call('DELETE', `/role-bindings/${role}`);
    const admin = new Rest(url, this.#tokens.get('admin') ?? '');
    const rules = [{ resources: ['sessions', 'spaces'], verbs: ['list'] }];
    this.#tokens.set('key', await done(admin, '/api-keys', { name: 'all of it' }, 'key'));
    this.#tokens.set('narrow', await done(admin, '/api-keys', { name: 'narrow', rules }, 'key'));
    await new Rest(url, this.#tokens.get('logged-out') ?? '').call('POST', '/auth/logout');
    this.#tokens.set('garbage', 'no.good.token');
  }

  /** What it sends as Authorization. */
  async authorization(name: CallerName): Promise<Readonly<Record<string, string>>> {
    if (this.#stale.delete(name)) await this.#login(name);
    const token = this.#tokens.get(name);
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  user(name: CallerName): string {
    return userOf(name === 'key' || name === 'narrow' ? 'admin' : name);
  }

  /** Its token may have ended: it logs in before it asks again. */
  doubt(name: CallerName): void {
    if (ACCOUNTS.some(([account]) => account === name) || name === 'nobody' || name === 'left') this.#stale.add(name);
  }

  async #login(name: string): Promise<void> {
    const answer = await new Rest(this.#target.url, '').call('POST', '/auth/login', { user: userOf(name), pass: PASSWORD });
    const { token } = answer.body as { token?: string };
    if (token === undefined) throw new Error(`${name} cannot log in: ${answer.status} ${JSON.stringify(answer.body)}`);
    this.#tokens.set(name, token);
  }
}

const userOf = (name: string) => `fz-${name}`;

async function done(rest: Rest, path: string, body: object, field = 'id'): Promise<string> {
  const answer = await rest.call('POST', path, body);
  if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return String((answer.body as Record<string, unknown>)[field]);
}
