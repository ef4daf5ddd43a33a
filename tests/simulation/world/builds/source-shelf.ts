import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { NO_TEXTS } from '../../../../controller/domain/agents/rows.ts';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { SourceStore } from '../../../../controller/services/agents/source-store.ts';
import type { Life } from '../life.ts';
import { SOURCE, SOURCE_DIGEST } from '../source.ts';
import { SPACES } from '../store.ts';
import type { GitServer } from './git-server.ts';

export interface ShelfDeps {
  readonly git: () => GitServer | undefined;
  readonly view: () => Pick<View, 'agentsIn' | 'openBuilds'>;
  readonly violation: (what: string) => void;
}

/** The sources that the controller keeps, over all its processes. */
export class SourceShelf {
  readonly #deps: ShelfDeps;
  readonly #kept = new Set<string>();
  /** A backup brings back what was removed after it. */
  readonly #ever = new Set<string>();

  constructor(deps: ShelfDeps) {
    this.#deps = deps;
  }

  restored(): void {
    for (const digest of this.#ever) this.#kept.add(digest);
  }

  /** Returns the packed source of a digest, or undefined if it is not kept. */
  read(digest: string): Uint8Array | undefined {
    if (digest === SOURCE_DIGEST) return SOURCE;
    return this.#kept.has(digest) ? this.#deps.git()?.withDigest(digest)?.archive : undefined;
  }

  /** As one process of the controller uses it. */
  storeFor(life: Life): SourceStore {
    const { git, violation } = this.#deps;
    return {
      receive: async (body, _claim, turn) => {
        const archive = await buffer(body);
        const end = await turn();
        const digest = `sha256:${createHash('sha256').update(archive).digest('hex')}`;
        if (git()?.withDigest(digest) === undefined) violation(`a source of ${archive.byteLength} bytes is taken that no commit has`);
        const program = { runtime: 'python', handler: 'main.process_message', idempotent: false } as const;
        const discard = async () => end?.();
        const keep = async () => {
          end?.();
          if (life.isDead) return;
          this.#kept.add(digest);
          this.#ever.add(digest);
        };
        return accepted({ source: { digest, sizeBytes: archive.byteLength, files: 1, program, texts: NO_TEXTS }, keep, discard });
      },
      remove: async (digest) => {
        if (life.isDead) return;
        const user = this.#userOf(digest);
        if (user !== undefined) violation(`the source ${digest.slice(0, 15)} is removed, which ${user} needs`);
        this.#kept.delete(digest);
      },
      kept: async () => [...this.#kept],
    };
  }

  #userOf(digest: string): string | undefined {
    const view = this.#deps.view();
    for (const { id } of SPACES) {
      const agent = view.agentsIn(id).find(({ sourceDigest }) => sourceDigest === digest);
      if (agent !== undefined) return `the agent ${agent.name}`;
      const build = view.openBuilds(id).find(({ agents }) => agents.some((one) => one.digest === digest));
      if (build !== undefined) return `the build ${build.id}`;
    }
    return undefined;
  }
}
