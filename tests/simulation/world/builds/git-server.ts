import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import type { Cluster } from '../cluster.ts';
import type { SeededRandom } from '../random.ts';

/** The repository of the agent `fetched`. */
export const REPOSITORY = 'https://git.example/team/fetched';
export const FETCHED = 'fetched';

const FAULTS_WITHIN_MS = 100_000;
const AWAY_MS = 20_000;
/** Longer than any fetch is waited for. */
/** Each keeps the developer waiting for the time limit of a build; more would take longer than a run lasts. */
const MAX_HANGS = 2;
const SILENT_MS = 20 * 60_000;

type GitState = 'up' | 'away' | 'silent';

export interface Commit {
  readonly hash: string;
  readonly digest: string;
  readonly archive: Uint8Array;
}

/** A git server with one branch that only moves forward, which is away for a while, or answers nothing. */
export class GitServer {
  readonly #commits: Commit[] = [];
  readonly #random: SeededRandom;
  readonly #cluster: Cluster;
  #hangs = 0;
  #state: GitState = 'up';
  #isHealed = false;
  #waiting: (() => void)[] = [];
  readonly #healing = Promise.withResolvers<void>();

  private constructor(cluster: Cluster, first: Commit) {
    this.#cluster = cluster;
    this.#random = cluster.random.fork('git');
    this.#commits.push(first);
    for (let left = this.#random.whole(2, 5); left > 0; left -= 1)
      cluster.time.schedule(this.#random.between(1_000, FAULTS_WITHIN_MS), () => this.#isHealed || this.#strike());
  }

  static async open(cluster: Cluster): Promise<GitServer> {
    return new GitServer(cluster, await commitNumber(0));
  }

  /** Number of commits. The branch is at the last one. */
  get length(): number {
    return this.#commits.length;
  }

  get head(): Commit {
    const head = this.#commits.at(-1);
    if (head === undefined) throw new Error('the repository is empty');
    return head;
  }

  async push(): Promise<void> {
    this.#commits.push(await this.#cluster.time.hold(commitNumber(this.#commits.length)));
    this.#cluster.trace.note('git', `is at ${this.head.hash.slice(0, 8)}`);
  }

  /** Returns the place of a commit, -1 if there is none of that hash. */
  indexOf(hash: string): number {
    return this.#commits.findIndex((one) => one.hash === hash);
  }

  withDigest(digest: string): Commit | undefined {
    return this.#commits.find((one) => one.digest === digest);
  }

  /** Resolves with whether it answers, once it does or is known to be away. */
  async answers(): Promise<boolean> {
    while (this.#state === 'silent') await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#state === 'up';
  }

  /** What hangs resolves once nothing fails any more. After a few, nothing hangs. */
  async hang(): Promise<void> {
    if (this.#hangs >= MAX_HANGS) return;
    this.#hangs += 1;
    await this.#healing.promise;
  }

  heal(): void {
    this.#isHealed = true;
    this.#healing.resolve();
    this.#becomes('up');
  }

  #strike(): void {
    const isSilent = this.#random.chance(0.35);
    const lastsMs = isSilent
      ? this.#random.between(1_000, this.#random.chance(0.5) ? SILENT_MS : AWAY_MS)
      : this.#random.mostlySmall(500, AWAY_MS);
    this.#becomes(isSilent ? 'silent' : 'away');
    this.#cluster.time.schedule(lastsMs, () => this.#isHealed || this.#becomes('up'));
  }

  #becomes(state: GitState): void {
    this.#state = state;
    this.#cluster.trace.note('git', state);
    if (state !== 'silent') for (const woken of this.#waiting.splice(0)) woken();
  }
}

async function commitNumber(at: number): Promise<Commit> {
  const pack = tar.pack();
  pack.entry({ name: 'main.py', mode: 0o644, mtime: new Date(0) }, `NUMBER = ${at}\n`);
  pack.finalize();
  const archive = gzipSync(await buffer(pack));
  return {
    hash: createHash('sha1').update(`commit ${at}`).digest('hex'),
    digest: `sha256:${createHash('sha256').update(archive).digest('hex')}`,
    archive,
  };
}
