import type { Attached } from '../../services/commands/process-service.ts';

/** Tags of one sandbox. Older ones are forgotten. */
const MAX_TAGS = 256;

export interface OpenProcess {
  readonly attached: Attached;
  /** Whether its input is open, as far as this process knows. */
  readonly takesInput: boolean;
  closed(): void;
  end(): void;
}

/** Processes that clients follow now, so that input for them needs no stream of its own; and their tags. */
export class OpenProcesses {
  readonly #open = new Map<string, OpenProcess>();
  readonly #tags = new Map<string, Map<string, number>>();

  add(sandbox: string, attached: Attached): OpenProcess {
    const key = `${sandbox} ${attached.process.pid}`;
    let takesInput = attached.process.stdinOpen;
    const entry: OpenProcess = {
      attached,
      get takesInput() {
        return takesInput;
      },
      closed() {
        takesInput = false;
      },
      end: () => {
        if (this.#open.get(key) === entry) this.#open.delete(key);
      },
    };
    this.#open.set(key, entry);
    return entry;
  }

  find(sandbox: string, pid: number): OpenProcess | undefined {
    return this.#open.get(`${sandbox} ${pid}`);
  }

  name(sandbox: string, tag: string, pid: number): void {
    const tags = this.#tags.get(sandbox) ?? new Map<string, number>();
    tags.delete(tag);
    this.#tags.set(sandbox, tags.set(tag.slice(0, 256), pid));
    for (const oldest of tags.keys()) {
      if (tags.size <= MAX_TAGS) break;
      tags.delete(oldest);
    }
  }

  pidOf(sandbox: string, tag: string): number | undefined {
    return this.#tags.get(sandbox)?.get(tag);
  }

  tagOf(sandbox: string, pid: number): string | undefined {
    for (const [tag, one] of this.#tags.get(sandbox) ?? []) if (one === pid) return tag;
    return undefined;
  }

  forget(sandbox: string): void {
    this.#tags.delete(sandbox);
  }
}
