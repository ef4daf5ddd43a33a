import type { Mutation } from '../../../controller/domain/rows.ts';
import type { View } from '../../../controller/domain/view.ts';
import { RING } from './sealing.ts';

type Values = Readonly<Record<string, string>>;

interface Kept {
  version: number;
  readonly now: Map<string, { key: string; value: string }>;
  /** By version: what was in force with it. */
  readonly versions: Map<number, string>;
}

const spelled = (values: Values): string => JSON.stringify(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What was in force in each space, version by version, and what each message may be run with. */
export class SecretVersions {
  readonly #spaces = new Map<string, Kept>();
  /** Of each message the version that was in force when it was posted. */
  readonly #posted = new Map<string, { spaceId: string; version: number }>();

  committed(mutations: readonly Mutation[], spaceOf: (sessionId: string) => string | undefined): void {
    const changed = new Set<Kept>();
    const made = new Map<string, string>();
    for (const mutation of mutations) {
      if (mutation.kind === 'remove' && mutation.table === 'secrets') {
        for (const kept of this.#spaces.values()) kept.now.delete(mutation.id);
        continue;
      }
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'secrets') {
        const { id, spaceId, keyName } = mutation.row;
        this.#of(spaceId).now.set(id, { key: keyName, value: RING.open(mutation.row) });
      } else if (mutation.table === 'spaces') {
        const kept = this.#of(mutation.row.id);
        kept.version = mutation.row.secretsVersion;
        changed.add(kept);
      } else if (mutation.table === 'sessions') made.set(mutation.row.id, mutation.row.spaceId);
      else if (mutation.table === 'messages' && mutation.row.role === 'user' && !this.#posted.has(mutation.row.id)) {
        const spaceId = made.get(mutation.row.sessionId) ?? spaceOf(mutation.row.sessionId);
        if (spaceId !== undefined) this.#posted.set(mutation.row.id, { spaceId, version: this.#of(spaceId).version });
      }
    }
    for (const kept of changed) this.#keep(kept);
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
  }

  /** Why a message should not be run with this; undefined: it may. */
  objection(messageId: string, environment: Values): string | undefined {
    const posted = this.#posted.get(messageId);
    if (posted === undefined) return undefined;
    const has = spelled(environment);
    const { versions, version: newest } = this.#of(posted.spaceId);
    for (const [version, values] of versions) if (version >= posted.version && values === has) return undefined;
    return `it was posted at version ${posted.version} of its secrets (now ${newest}), and is given ${has}`;
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
