import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { Mutation } from '../../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import { FETCHED, type GitServer } from './git-server.ts';

/** A build that was asked for after a push has that commit or a newer one, and the source of the commit that it names. */
export class FetchAudit {
  readonly #git: GitServer;
  readonly #violation: (what: string) => void;
  /** By open build: the place of the branch when it was last asked for. */
  readonly #floors = new Map<string, number>();
  readonly #rows = new Map<string, BuildRow>();
  #newest = -1;
  fetched = 0;

  constructor(git: GitServer, violation: (what: string) => void) {
    this.#git = git;
    this.#violation = violation;
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'builds') this.#build(mutation.row);
      if (mutation.table !== 'agents' || mutation.row.name !== FETCHED || mutation.row.sourceCommit === null) continue;
      const at = this.#git.indexOf(mutation.row.sourceCommit);
      if (at < this.#newest) this.#violation(`the agent goes back to commit ${at}, from ${this.#newest}`);
      this.#newest = at;
      if (this.#git.withDigest(mutation.row.sourceDigest ?? '')?.hash !== mutation.row.sourceCommit)
        this.#violation(`the agent has another source than that of its commit ${at}`);
    }
  }

  restored(view: Pick<View, 'get'>): void {
    this.#newest = -1;
    for (const id of [...this.#rows.keys()]) {
      const row = view.get('builds', id);
      if (row === undefined) this.#rows.delete(id);
      else this.#rows.set(id, row);
    }
  }

  /** This build was answered to a request made when the branch was there. */
  asked(buildId: string, at: number): void {
    this.#floors.set(buildId, Math.max(at, this.#floors.get(buildId) ?? 0));
    const row = this.#rows.get(buildId);
    if (row !== undefined) this.#judge(row);
  }

  #build(row: BuildRow): void {
    const before = this.#rows.get(row.id);
    this.#rows.set(row.id, row);
    const wants = row.unfetched.some(({ name }) => name === FETCHED);
    // Each request for a queued build writes it.
    if (wants && row.status === 'pending' && row.nodeId === null) this.#floors.set(row.id, this.#git.length - 1);
    if (before?.unfetched.some(({ name }) => name === FETCHED) === true && !wants) this.fetched += 1;
    this.#judge(row);
  }

  #judge(row: BuildRow): void {
    const built = row.agents.find(({ name }) => name === FETCHED);
    if (built?.from === undefined) return;
    const at = this.#git.indexOf(built.from.commit);
    if (at === -1) this.#violation(`the build ${row.id} has a commit that does not exist`);
    if (this.#git.withDigest(built.digest)?.hash !== built.from.commit)
      this.#violation(`the build ${row.id} has another source than that of its commit ${at}`);
    const floor = this.#floors.get(row.id) ?? 0;
    if (at < floor) this.#violation(`the build ${row.id} has commit ${at}, and was asked for at ${floor}`);
  }
}
