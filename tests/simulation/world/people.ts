import type { Attribution } from '../../../controller/domain/audit/audit.ts';
import type { AccountId } from '../../../controller/domain/engine/ids.ts';
import { accepted } from '../../../controller/domain/engine/outcome.ts';
import type { SseStream } from '../../../controller/http/events/sse-streams.ts';
import type { Caller } from '../../../controller/services/access/caller.ts';
import type { Proof } from '../../../controller/services/access/proof.ts';
import type { EventWatcher } from '../../../controller/services/events/watching.ts';
import type { Services } from '../../../controller/services/services.ts';
import type { Book } from './book.ts';
import { Client, type Work } from './client.ts';
import { BEGAN_AT } from './clock.ts';
import type { Cluster } from './cluster.ts';
import { type CommandName, USUAL } from './commands.ts';
import { SPACE } from './store.ts';

interface Identity {
  readonly accountId: AccountId;
  readonly user: string;
  readonly proof: Proof;
  readonly bindingId: string;
}

const YEAR_MS = 365 * 24 * 3_600_000;

/** Commands of an account that works in sessions. Others need more permissions. */
const WORK: Readonly<Record<CommandName, number>> = {
  ...USUAL,
  ...{ createMany: 0, createAndRemove: 0, deploy: 0, maintain: 0, orphans: 0, secrets: 0, quotas: 0, moods: 0, repeat: 0 },
};

/**
 * A client whose account an administrator revokes while it works. From that commit on, nothing of
 * it is accepted and it sees nothing more.
 */
export class Person {
  readonly #cluster: Cluster;
  readonly #client: Client;
  readonly #admin: Client;
  #identity: Identity | undefined;
  #stream: PersonStream | undefined;

  constructor(cluster: Cluster, book: Book, name: string) {
    this.#cluster = cluster;
    this.#admin = new Client(cluster, book, `${name}-admin`);
    this.#client = new Client(cluster, book, name, (services) => this.#caller(services));
  }

  async run(commands: number, haste: number): Promise<void> {
    const { random } = this.#client;
    let leaving: Promise<void> = Promise.resolve();
    for (let left = commands; left > 0; left -= 1) {
      this.#identity ??= await this.#arrive();
      if (this.#identity !== undefined) {
        this.#watch(this.#identity);
        if (random.chance(0.15)) {
          const identity = this.#identity;
          const before = leaving;
          leaving = before.then(() => this.#lose(identity));
        }
      }
      await this.#client.run(1, WORK, haste);
    }
    await leaving;
  }

  /**
   * The account of its credentials, compared with the rows. Without any permission this identity
   * ends.
   */
  #caller(services: Services): Caller | undefined {
    const identity = this.#identity;
    if (identity === undefined) return undefined;
    const standing = standingOf(this.#cluster, identity);
    const caller = services.accounts.callerOf(identity.proof);
    const is = caller === undefined ? 'out' : caller.permissions.allows('sessions', 'create', SPACE) ? 'bound' : 'unbound';
    const isSyncing = this.#cluster.controller?.isSyncing === true;
    if (is !== standing && !isSyncing) this.#client.violation(`${identity.user} is taken for ${is}, and is ${standing}`);
    if (standing === 'bound') return caller;
    this.#identity = undefined;
    if (caller !== undefined)
      void services.sessions
        .create(caller, {})
        .then((made) => made.ok && this.#client.violation(`${identity.user} made a session, unbound`));
    return undefined;
  }

  async #arrive(): Promise<Identity | undefined> {
    const admin = this.#admin;
    const user = admin.fresh();
    const made = await admin.ask(`account ${user}`, (services, caller) => services.serviceAccounts.create(caller, { user, pass: user }));
    if (made === 'lost' || !made.ok) return undefined;
    const bound = await admin.ask(`bind ${user}`, (services, caller) =>
      services.roleBindings.create(caller, { role_name: 'developer', principal: user }),
    );
    if (bound === 'lost' || !bound.ok) return undefined;
    const login = await admin.ask(`login ${user}`, ({ accounts }) => accounts.login(user, user, 'here', LOGIN));
    if (login === 'lost' || !login.ok) return undefined;
    const { accountId, version } = login.value;
    const expiresAtMs = BEGAN_AT + YEAR_MS;
    const token: Proof = { kind: 'token', tokenId: `token of ${user}`, accountId, version, expiresAtMs };
    if (admin.random.chance(0.5)) return { accountId, user, proof: token, bindingId: bound.value.id };
    const key = await admin.ask(`key of ${user}`, async (services) => {
      const caller = services.accounts.callerOf(token);
      return caller === undefined ? accepted(undefined) : await services.apiKeys.create(caller, token, { name: user });
    });
    if (key === 'lost' || !key.ok || key.value === undefined) return undefined;
    const proof = this.#cluster.controller?.core.services.accounts.keyProof(key.value.key);
    return proof && { accountId, user, proof, bindingId: bound.value.id };
  }

  async #lose({ accountId, user, proof, bindingId }: Identity): Promise<void> {
    const admin = this.#admin;
    await this.#cluster.time.sleep(admin.random.mostlySmall(0, 4_000));
    const stream = this.#stream;
    const how = admin.random.weighted({ deactivate: 3, remove: 3, unbind: 3, end: 3, everywhere: 1, password: 1 });
    const { restores } = this.#cluster;
    const losing: Work<unknown> = (services, caller) => {
      const { serviceAccounts, roleBindings, apiKeys, accounts } = services;
      if (how === 'deactivate') return serviceAccounts.update(caller, accountId, { active: false });
      if (how === 'remove') return serviceAccounts.remove(caller, accountId);
      if (how === 'unbind') return roleBindings.remove(caller, bindingId);
      if (how === 'end' && proof.kind === 'api-key') return apiKeys.remove(caller, proof.keyId);
      if (proof.kind === 'api-key') return roleBindings.remove(caller, bindingId);
      if (how === 'password') return serviceAccounts.changePassword(caller, accountId, { new_password: 'another' });
      return accounts.logout(caller, proof, how === 'everywhere');
    };
    const done = await admin.insist(`${how} ${user}`, losing);
    if (done === 'lost' || restores !== this.#cluster.restores) return;
    if (!done.ok && done.refusal.code !== 'NOT_FOUND') admin.violation(`${how} ${user}: ${done.refusal.code} ${done.refusal.message}`);
    const standing = standingOf(this.#cluster, { accountId, user, proof, bindingId });
    if (standing === 'bound') admin.violation(`${how} ${user} was answered, and it has all its rights`);
    if (stream?.user === user && !stream.isOver) admin.violation(`${how} ${user} was answered, and it still watches`);
  }

  #watch(identity: Identity): void {
    const process = this.#cluster.controller;
    if (process === undefined || this.#stream?.isOver === false) return;
    process.life.run(() => {
      const { accounts, events } = process.core.services;
      const caller = accounts.callerOf(identity.proof);
      const scope = caller && events.scope(caller, undefined);
      // Without its permissions it would see only its own sessions.
      if (scope?.ok !== true || scope.value.spaces !== undefined) return;
      const stream = new PersonStream(this.#cluster, identity, () => {
        const caller = accounts.callerOf(identity.proof);
        const now = caller && events.scope(caller, undefined);
        return now?.ok === true && now.value.spaces === undefined;
      });
      this.#stream = stream;
      process.streams.add(stream);
      process.life.atDeath(() => stream.end());
      stream.over = () => process.streams.delete(stream);
      stream.follow(events.watch(scope.value, undefined, stream.watcher));
    });
  }
}

/** State of the account by the rows. `unbound`: exists, but has access to its own objects only. */
function standingOf({ view }: Cluster, { accountId, proof }: Identity): 'out' | 'unbound' | 'bound' {
  const account = view.get('accounts', accountId);
  if (account?.active !== true) return 'out';
  if (proof.kind === 'api-key' && view.get('apiKeys', proof.keyId) === undefined) return 'out';
  if (proof.kind === 'token' && (account.version !== proof.version || view.get('revokedTokens', proof.tokenId) !== undefined)) return 'out';
  return view.bindingsOf(accountId).length > 0 ? 'bound' : 'unbound';
}

const LOGIN: Attribution = {
  actor: { type: 'Anonymous', id: null, name: null },
  ...{ credential: null, address: 'here', requestId: null, action: 'login' },
  thing: { kind: 'service-accounts', ref: null, space: null },
};

/** A stream of events as HTTP serves it. */
class PersonStream implements SseStream {
  readonly proof: Proof;
  readonly user: string;
  readonly #mayGoOn: () => boolean;
  #watching: { close(): void } | undefined;
  isOver = false;
  over: () => void = () => undefined;
  readonly watcher: EventWatcher;

  constructor(cluster: Cluster, identity: Identity, mayGoOn: () => boolean) {
    this.proof = identity.proof;
    this.user = identity.user;
    this.#mayGoOn = mayGoOn;
    this.watcher = {
      event: ({ number }) => {
        const standing = standingOf(cluster, identity);
        if (standing !== 'bound') cluster.violation(`${identity.user} is ${standing}, and is shown event ${number}`);
        return 'more';
      },
      delta: () => 'more',
      log: () => 'more',
      reset: () => 'more',
      end: () => this.end(),
    };
  }

  follow(watching: { close(): void }): void {
    if (this.isOver) watching.close();
    else this.#watching = watching;
  }

  judge(): void {
    if (!this.#mayGoOn()) this.end();
  }

  tick(): void {
    this.judge();
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#watching?.close();
    this.over();
  }
}
