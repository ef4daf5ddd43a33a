import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import { RING } from './sealing.ts';

type Values = Readonly<Record<string, string>>;

interface Kept {
  version: number;
  readonly now: Map<string, { key: string; value: string }>;
  /** Secrets by version. */
  readonly versions: Map<number, string>;
}

type Made = Pick<SessionRow, 'spaceId' | 'createdById'>;

const spelled = (values: Values): string => JSON.stringify(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The secrets of each space by version, and the versions with which each message can run. */
export class SecretVersions {
  readonly #spaces = new Map<string, Kept>();
  /** The version of each message at the time of its post. */
  readonly #posted = new Map<string, { spaceId: string; maker: string; version: number }>();
  /** Accounts without permissions, with the version of each space when they lost the last one. */
  readonly #out = new Map<string, ReadonlyMap<string, number>>();
  readonly #everOut = new Set<string>();
  readonly #accountOf = new Map<string, string>();

  committed(mutations: readonly Mutation[], view: View, sessionOf: (sessionId: string) => Made | undefined): void {
    const changed = new Set<Kept>();
    const made = new Map<string, Made>();
    const confirmed = new Set<string>();
    for (const mutation of mutations) {
      if (mutation.kind === 'remove' && mutation.table === 'secrets') {
        for (const kept of this.#spaces.values()) kept.now.delete(mutation.id);
        continue;
      }
      if (mutation.kind === 'remove' && mutation.table === 'bindings') confirmed.add(this.#accountOf.get(mutation.id) ?? '');
      if (mutation.kind === 'remove' && mutation.table === 'accounts') confirmed.add(mutation.id);
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'accounts') confirmed.add(mutation.row.id);
      if (mutation.table === 'bindings' && mutation.row.accountId !== null) {
        this.#accountOf.set(mutation.row.id, mutation.row.accountId);
        confirmed.add(mutation.row.accountId);
      }
      if (mutation.table === 'secrets') {
        const { id, spaceId, keyName } = mutation.row;
        this.#of(spaceId).now.set(id, { key: keyName, value: RING.open(mutation.row) });
      } else if (mutation.table === 'spaces') {
        const kept = this.#of(mutation.row.id);
        kept.version = mutation.row.secretsVersion;
        changed.add(kept);
      } else if (mutation.table === 'sessions') made.set(mutation.row.id, mutation.row);
      else if (mutation.table === 'messages' && mutation.row.role === 'user' && !this.#posted.has(mutation.row.id)) {
        const session = made.get(mutation.row.sessionId) ?? sessionOf(mutation.row.sessionId);
        if (session === undefined) continue;
        const { spaceId, createdById: maker } = session;
        this.#posted.set(mutation.row.id, { spaceId, maker, version: this.#of(spaceId).version });
      }
    }
    for (const kept of changed) this.#keep(kept);
    for (const account of confirmed) this.#judge(account, view);
  }

  restored(view: View): void {
    for (const [id, kept] of this.#spaces) {
      const row = view.spaceByName(view.get('spaces', id)?.name ?? '');
      if (row === undefined) continue;
      kept.version = row.secretsVersion;
      kept.now.clear();
      for (const secret of view.secretsIn(row.id)) kept.now.set(secret.id, { key: secret.keyName, value: RING.open(secret) });
      this.#keep(kept);
    }
    for (const account of this.#everOut) this.#judge(account, view);
  }

  /** Returns why a message must not run with these secrets; undefined if it can. */
  objection(messageId: string, environment: Values): string | undefined {
    const posted = this.#posted.get(messageId);
    if (posted === undefined) return undefined;
    const has = spelled(environment);
    const { versions, version: newest } = this.#of(posted.spaceId);
    // A session whose creator lost all permissions keeps its secrets, or has none.
    const isWithheld = this.#everOut.has(posted.maker);
    if (isWithheld && has === spelled({})) return undefined;
    const last = this.#out.get(posted.maker)?.get(posted.spaceId) ?? newest;
    const first = isWithheld ? 0 : posted.version;
    for (const [version, values] of versions) if (version >= first && version <= last && values === has) return undefined;
    if (last < newest) return `its maker lost the last right at version ${last} of the secrets (now ${newest}), and it is given ${has}`;
    return `it was posted at version ${posted.version} of its secrets (now ${newest}), and is given ${has}`;
  }

  #judge(account: string, view: View): void {
    if (view.get('accounts', account)?.active === true && view.bindingsOf(account).length > 0) {
      this.#out.delete(account);
      return;
    }
    this.#everOut.add(account);
    if (!this.#out.has(account)) this.#out.set(account, new Map([...this.#spaces].map(([id, { version }]) => [id, version])));
  }

  #of(spaceId: string): Kept {
    const kept = this.#spaces.get(spaceId) ?? { version: 0, now: new Map(), versions: new Map([[0, spelled({})]]) };
    this.#spaces.set(spaceId, kept);
    return kept;
  }

  #keep({ version, now, versions }: Kept): void {
    versions.set(version, spelled(Object.fromEntries([...now.values()].map(({ key, value }) => [key, value]))));
  }
}
