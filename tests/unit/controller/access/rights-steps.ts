/** Random grants, revocations and changes of whoever holds them, carried out through the API and noted in the model. */
import { randomUUID } from 'node:crypto';
import type { AccountId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { holdsAllOf } from './rbac-naive.ts';
import { anyRules, type Random, RULE_NAMES, type Space } from './rbac-rows.ts';
import type { Asked } from './rbac-world.ts';
import type { Credential, ModelAccount, RightsModel } from './rights-model.ts';

export interface StepsDeps {
  ask(bearer: string, method: Method, path: string, body: unknown): Promise<Asked>;
  /** A token of the account as it is now. */
  token(account: ModelAccount): Promise<string> | string;
  /** Makes a session of that account, where that can be. Its id. */
  makeSession(account: ModelAccount, space: Space, name: string): Promise<SessionId | undefined>;
  readonly model: RightsModel;
  readonly random: Random;
  /** Holds everything, and is touched by nobody. */
  readonly root: ModelAccount;
  readonly rootBearer: string;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Each step says what it did. It throws where the product and the model do not agree. */
export function stepsOn({ ask: call, token, makeSession, model, random, root, rootBearer }: StepsDeps) {
  const { pick, chance } = random;
  const asRoot = async (method: Method, path: string, body?: unknown): Promise<Record<string, string>> => {
    const { status, body: answer } = await call(rootBearer, method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return (answer ?? {}) as Record<string, string>;
  };
  const others = () => model.accounts.filter((account) => account !== root);
  const someone = (): ModelAccount | undefined => (others().length === 0 ? undefined : pick(others()));
  const alive = () => model.credentials.filter((one) => model.standing(one) !== undefined);
  const where = (): SpaceId | null => (chance(0.75) ? pick(model.spaces).id : null);
  const nameOf = (spaceId: SpaceId | null) => model.spaces.find(({ id }) => id === spaceId)?.name;

  async function newToken(account: ModelAccount): Promise<Credential> {
    const bearer = await token(account);
    const credential = { bearer, account, rules: null, version: account.version };
    model.credentials.push(credential);
    return credential;
  }

  const steps = {
    /** By anybody: who grants what they do not hold is refused. */
    async bind() {
      const [account, role, spaceId] = [someone(), pick(model.roles), where()];
      if (account === undefined) return 'nobody to bind';
      const by = chance(0.6) ? undefined : pick(alive());
      const body = { role_name: role.name, principal: account.user, space: nameOf(spaceId) };
      const { status, body: answer } = await call(by?.bearer ?? rootBearer, 'POST', '/role-bindings', body);
      if (by !== undefined) {
        const standing = model.standing(by);
        const mayGrant =
          standing !== undefined &&
          model.mayBind(standing, spaceId) &&
          holdsAllOf(standing.naive, [{ rules: role.rules, space: spaceId }], RULE_NAMES);
        if (mayGrant !== (status === 201 || status === 409)) throw new Error(`${by.account.user} binds ${JSON.stringify(body)}: ${status}`);
      }
      if (status === 201) account.bindings.push({ id: (answer as { id: string }).id, role, spaceId });
      return `bind ${role.name} to ${account.user} in ${nameOf(spaceId) ?? 'every space'}: ${status}`;
    },
    async unbind() {
      const account = pick(others().filter(({ bindings }) => bindings.length > 0));
      const binding = account === undefined ? undefined : pick(account.bindings);
      if (account === undefined || binding === undefined) return 'nothing to unbind';
      await asRoot('DELETE', `/role-bindings/${binding.id}`);
      account.bindings = account.bindings.filter((one) => one !== binding);
      return `unbind ${binding.role.name} from ${account.user} in ${nameOf(binding.spaceId) ?? 'every space'}`;
    },
    async newRole() {
      const [name, rules] = [`role-${randomUUID().slice(0, 8)}`, anyRules(random, 2)];
      const { id = '' } = await asRoot('POST', '/roles', { name, rules });
      model.roles.push({ id, name, rules });
      return `role ${name}: ${JSON.stringify(rules)}`;
    },
    async dropRole() {
      const role = pick(model.roles.filter(({ name }) => name.startsWith('role-')));
      if (role === undefined) return 'no role to drop';
      await asRoot('DELETE', `/roles/${role.name}`);
      model.roles = model.roles.filter((one) => one !== role);
      for (const account of model.accounts) account.bindings = account.bindings.filter((one) => one.role.id !== role.id);
      return `drop ${role.name}`;
    },
    async newKey() {
      const account = someone();
      if (account === undefined || !account.active) return 'nobody for a key';
      const rules = chance(0.5) ? null : anyRules(random, 3);
      const { bearer } = await newToken(account);
      const { status, body } = await call(bearer, 'POST', '/api-keys', { name: 'k', rules: rules ?? undefined });
      if (status !== 201) throw new Error(`a key for ${account.user}: ${status} ${JSON.stringify(body)}`);
      const { id, key } = body as { id: string; key: string };
      account.keys.push({ id, key, rules });
      model.credentials.push({ bearer: key, account, rules, keyId: id });
      return `key of ${account.user}: ${JSON.stringify(rules)}`;
    },
    async dropKey() {
      const account = pick(others().filter(({ keys }) => keys.length > 0));
      const key = account === undefined ? undefined : pick(account.keys);
      if (account === undefined || key === undefined) return 'no key to drop';
      await asRoot('DELETE', `/api-keys/${key.id}`);
      account.keys = account.keys.filter((one) => one !== key);
      return `drop a key of ${account.user}`;
    },
    async switch() {
      const account = someone();
      if (account === undefined) return 'nobody to switch';
      await asRoot('PUT', `/service-accounts/${account.id}`, { active: !account.active });
      if (account.active) account.version += 1;
      account.active = !account.active;
      return `${account.user} is ${account.active ? 'active' : 'inactive'}`;
    },
    async password() {
      const account = someone();
      if (account === undefined) return 'nobody';
      await asRoot('PUT', `/service-accounts/${account.id}/password`, { new_password: 'another long password' });
      account.version += 1;
      return `password of ${account.user}`;
    },
    async token() {
      const account = someone();
      if (account === undefined) return 'nobody';
      if (!account.active) return 'nobody who is active';
      await newToken(account);
      return `token for ${account.user}`;
    },
    async logout() {
      const credential = pick(alive().filter(({ version, account }) => version !== undefined && account !== root));
      if (credential === undefined) return 'nobody to log out';
      const everywhere = chance(0.3);
      const { status } = await call(credential.bearer, 'POST', '/auth/logout', { everywhere });
      if (status !== 204) throw new Error(`logout: ${status}`);
      if (everywhere) credential.account.version += 1;
      else model.ended.add(credential.bearer);
      return `logout of ${credential.account.user}${everywhere ? ', everywhere' : ''}`;
    },
    /** Somebody may come back under the same name, and is another one. */
    async replace() {
      const account = someone();
      if (account === undefined) return 'nobody to replace';
      await asRoot('DELETE', `/service-accounts/${account.id}`);
      model.accounts = model.accounts.filter((one) => one !== account);
      const made = await asRoot('POST', '/service-accounts', { user: account.user, pass: 'a long enough password' });
      const next = { id: made.id as AccountId, user: account.user, active: true, version: 1, bindings: [], keys: [] };
      model.accounts.push(next);
      await newToken(next);
      return `replace ${account.user}`;
    },
    async session() {
      const [account, space] = [someone(), pick(model.spaces)];
      if (account === undefined) return 'nobody to own one';
      const name = `session-${Math.floor(random.next() * 4)}`;
      const id = await makeSession(account, space, name);
      if (id === undefined) return 'no session';
      model.addSession({ id, name, space, owner: account.id });
      return `session of ${account.user} in ${space.name}`;
    },
    async rename() {
      const session = pick(model.sessions);
      const name = `session-${Math.floor(random.next() * 4)}`;
      await asRoot('PUT', `/sessions/${session.id}`, { name });
      session.name = name;
      return `session ${session.id} is ${name}`;
    },
    async dropSession() {
      if (model.sessions.length < 4) return 'too few sessions';
      const session = pick(model.sessions);
      await asRoot('DELETE', `/sessions/${session.id}`);
      model.sessions = model.sessions.filter((one) => one !== session);
      return `drop session ${session.id}`;
    },
    async touch() {
      const space = pick(model.spaces);
      await asRoot('PUT', `/spaces/${space.name}`, { description: randomUUID() });
      return `touch ${space.name}`;
    },
  };
  const weights: Readonly<Record<keyof typeof steps, number>> = {
    ...{ bind: 8, unbind: 6, newRole: 2, dropRole: 1, newKey: 2, dropKey: 1, switch: 3, password: 1, token: 2, logout: 1 },
    ...{ replace: 1, session: 3, rename: 2, dropSession: 1, touch: 3 },
  };
  const bag = (Object.keys(steps) as (keyof typeof steps)[]).flatMap((name) => Array.from({ length: weights[name] }, () => name));
  return { newToken, alive, step: () => steps[pick(bag)]() };
}
