/** All that a build can leave on its host, and how fast a session answers meanwhile. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as elapsed } from 'node:timers/promises';
import type { Cluster } from '../cluster/harness.ts';
import type { Rest } from '../cluster/rest.ts';
import { docker } from '../host/busybox.ts';

const lines = (text: string) => text.split('\n').filter(Boolean);

/** What grows by design: records, the log of each build, the disks of sessions, and the node's copies of the base images. */
const RECORDS = /^controller\/(raworc\.db|build-logs\/)|^nodes\/[^/]+\/(ledger|disks|images)\/|^nodes\/[^/]+\/builds$|^barriers\//;

/** The node keeps a few disks ready for sessions to come. */
const STOCK = /\/disks\/\.ready-/;

/** Returns the paths of files, and everything that Docker has; nothing else uses this machine's engine. */
export async function leftBehind({ directory }: Cluster): Promise<Readonly<Record<string, readonly string[]>>> {
  const [containers, images, volumes, networks] = await Promise.all([
    docker('ps', '-aq', '--no-trunc'),
    docker('image', 'ls', '-aq', '--no-trunc'),
    docker('volume', 'ls', '-q'),
    docker('network', 'ls', '-q', '--no-trunc'),
  ]);
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(directory.length + 1))
    .filter((path) => !RECORDS.test(path));
  const mounts = lines(readFileSync('/proc/mounts', 'utf8')).flatMap((line) => line.split(' ')[1] ?? []);
  return {
    ...{ containers: lines(containers).sort(), images: [...new Set(lines(images))].sort(), volumes: lines(volumes).sort() },
    ...{
      networks: lines(networks).sort(),
      files: files.sort(),
      mounts: mounts.filter((path) => path.startsWith(directory) && !STOCK.test(path)).sort(),
    },
  };
}

/** How long the node takes to remove what is left of a build, at most. */
const TIDY_MS = 20_000;

/** Returns what is there now and was not before, or the other way round, once that is nothing or nothing changes it any more. */
export async function differenceFrom(before: Readonly<Record<string, readonly string[]>>, cluster: Cluster): Promise<string[]> {
  for (const began = performance.now(); ; ) {
    const now = await leftBehind(cluster);
    const difference = Object.entries(now).flatMap(([kind, names]) => [
      ...names.filter((name) => before[kind]?.includes(name) !== true).map((name) => `${kind}: ${name} is new`),
      ...(before[kind] ?? []).filter((name) => !names.includes(name)).map((name) => `${kind}: ${name} is gone`),
    ]);
    if (difference.length === 0 || performance.now() - began > TIDY_MS) return difference;
    await elapsed(200);
  }
}

/** Sends one message after another to a session, and keeps the times of its answers. */
export class Talk {
  readonly #rest: Rest;
  readonly #session: string;
  readonly #wrong: string[] = [];
  #sent = 0;

  constructor(rest: Rest, session: string) {
    this.#rest = rest;
    this.#session = session;
  }

  /** Answers that were not the right one. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  /** Returns how many milliseconds each answer took, until the signal, or after `count`. */
  async times({ signal, count = Number.POSITIVE_INFINITY }: { readonly signal?: AbortSignal; readonly count?: number }): Promise<number[]> {
    const times: number[] = [];
    while (signal?.aborted !== true && times.length < count) {
      this.#sent += 1;
      const word = `word ${this.#sent}`;
      const began = performance.now();
      const { reply } = await this.#rest.say(this.#session, word);
      times.push(performance.now() - began);
      if (reply.content !== `good: ${word}`) this.#wrong.push(reply.content);
      await elapsed(50);
    }
    return times;
  }
}

/** The value that `share` of all are not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
