/** Who holds what, kept by a test beside the product: what each credential may do follows from this and rbac-naive.ts alone. */
import type { Rule } from '../../../../controller/contract/access/roles.ts';
import type { AccountId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import type { Asking } from './rbac-expected.ts';
import { may, mayOwn, type NaiveSubject, ownCounts } from './rbac-naive.ts';
import type { NamedRole, Population, Space, Subject } from './rbac-rows.ts';

export interface ModelAccount {
  readonly id: AccountId;
  readonly user: string;
  active: boolean;
  /** Tokens of older versions are ended. */
  version: number;
  bindings: { readonly id: string; readonly role: NamedRole; readonly spaceId: SpaceId | null }[];
  keys: ModelKey[];
}
export interface ModelKey {
  readonly id: string;
  readonly key: string;
  readonly rules: readonly Rule[] | null;
}
export interface ModelSession {
  readonly id: SessionId;
  name: string;
  readonly space: Space;
  readonly owner: AccountId;
}

/** A token or a key that was handed out once, whatever became of it. */
export interface Credential {
  readonly bearer: string;
  readonly account: ModelAccount;
  readonly rules: readonly Rule[] | null;
  /** Of a token. */
  readonly version?: number;
  /** Of a key. */
  readonly keyId?: string;
}

/** What a credential proves at one moment; undefined: nothing. */
export type Standing = { readonly accountId: AccountId; readonly user: string; readonly naive: NaiveSubject } | undefined;

export interface SeenEvent {
  readonly type: string;
  readonly session_id: string | null;
  readonly space: string | null;
  readonly api_key?: { readonly account: string };
}

export class RightsModel {
  readonly spaces: readonly Space[];
  roles: NamedRole[];
  accounts: ModelAccount[];
  sessions: ModelSession[];
  /** With those that are deleted: their events are still about. */
  readonly everySession = new Map<string, ModelSession>();
  readonly credentials: Credential[] = [];
  readonly ended = new Set<string>();

  constructor(population: Population) {
    this.spaces = population.spaces;
    this.roles = [...population.roles];
    this.accounts = population.subjects.map(({ id, user, bindings, keys }) => ({
      ...{ id, user, active: true, version: 1, bindings: [...bindings], keys: [...keys] },
    }));
    this.sessions = [];
    for (const { id, name, space, owner } of population.sessions) this.addSession({ id, name, space, owner: owner.id });
    for (const account of this.accounts)
      for (const { id, key, rules } of account.keys) this.credentials.push({ bearer: key, account, rules, keyId: id });
  }

  addSession(session: ModelSession): void {
    this.sessions.push(session);
    this.everySession.set(session.id, session);
  }

  standing({ bearer, account, rules, version, keyId }: Credential): Standing {
    if (this.ended.has(bearer) || !this.accounts.includes(account) || !account.active) return undefined;
    if (version !== undefined && version !== account.version) return undefined;
    if (keyId !== undefined && !account.keys.some(({ id }) => id === keyId)) return undefined;
    const bindings = account.bindings.map(({ role, spaceId }) => ({ rules: role.rules, space: spaceId }));
    return { accountId: account.id, user: account.user, naive: { bindings, key: rules } };
  }

  /** For the table of all routes, and everybody who may ask. */
  asked(): { readonly population: Population; readonly askings: readonly (Asking & { readonly credential: Credential })[] } {
    const subjects = new Map(this.accounts.map((account) => [account.id, { ...account } as Subject]));
    const nobody = (id: AccountId): Subject => ({ id, user: '', bindings: [], keys: [] });
    const sessions = this.sessions.map((one) => ({ ...one, owner: subjects.get(one.owner) ?? nobody(one.owner) }));
    const { spaces, roles } = this;
    return {
      population: { spaces, roles, subjects: [...subjects.values()], sessions, rows: [] },
      askings: this.credentials.flatMap((credential) => {
        const standing = this.standing(credential);
        const subject = standing === undefined ? undefined : subjects.get(standing.accountId);
        if (standing === undefined || subject === undefined) return [];
        return [{ credential, subject, naive: standing.naive, isKey: credential.keyId !== undefined }];
      }),
    };
  }

  canSee(standing: Standing, session: ModelSession, verb = 'get'): boolean {
    if (standing === undefined) return false;
    const { naive, accountId } = standing;
    const names = [session.id, session.name];
    const isOwn = session.owner === accountId && ownCounts(naive, session.space.id) && mayOwn(naive, 'sessions', verb, names);
    return isOwn || may(naive, 'sessions', verb, session.space.id, names);
  }

  /** Whether a stream of everything may show an event. */
  shows(standing: Standing, { type, session_id, space, api_key }: SeenEvent): boolean {
    if (standing === undefined) return false;
    const { naive, accountId, user } = standing;
    const [kind = ''] = type.split('.');
    if (session_id !== null) {
      const session = this.everySession.get(session_id);
      if (session === undefined) return false;
      const isOwn = session.owner === accountId && ownCounts(naive, session.space.id) && mayOwn(naive, 'sessions', 'get', []);
      return isOwn || may(naive, 'sessions', 'get', session.space.id);
    }
    const spaceId = this.spaces.find(({ name }) => name === space)?.id;
    const ofSpace = { build: ['builds'], agent: ['agents'], space: ['spaces', 'sessions'], secrets: ['secrets', 'sessions'] }[kind];
    if (ofSpace !== undefined) return spaceId !== undefined && ofSpace.some((resource) => may(naive, resource, 'get', spaceId));
    const resource = {
      ...{ node: 'nodes', account: 'service-accounts', 'api-key': 'service-accounts', role: 'roles', 'role-binding': 'role-bindings' },
    }[kind];
    if (resource !== undefined && may(naive, resource, 'list', null)) return true;
    return api_key?.account === accountId && mayOwn(naive, 'service-accounts', 'get', [user, accountId]);
  }

  /** What a stream of everything shows. It ends when that changes, and a client opens it again. */
  sight(standing: Standing): string {
    if (standing === undefined) return 'nothing';
    const { naive, accountId, user } = standing;
    const spaces = this.spaces.map(({ id }) => {
      const gets = (resource: string) => may(naive, resource, 'get', id);
      const sessions = gets('sessions');
      const own = sessions || (ownCounts(naive, id) && mayOwn(naive, 'sessions', 'get', []));
      return [sessions, own, gets('builds'), gets('agents'), sessions || gets('spaces'), sessions || gets('secrets')];
    });
    const kinds = ['nodes', 'service-accounts', 'roles', 'role-bindings'].map((resource) => may(naive, resource, 'list', null));
    return JSON.stringify([spaces, kinds, kinds[1] === true || mayOwn(naive, 'service-accounts', 'get', [user, accountId])]);
  }

  mayBind(standing: Standing, spaceId: SpaceId | null): boolean {
    return standing !== undefined && may(standing.naive, 'role-bindings', 'create', spaceId);
  }
}
