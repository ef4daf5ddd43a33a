/** Attributes the time of a profile to libraries and folders. */
import type { Profiler } from 'node:inspector';

export interface Share {
  readonly name: string;
  /** Share of the time in which the main thread was busy. */
  readonly share: number;
}
export interface TimeSpent {
  /** Share of all time; 1 means that the main thread was never idle. */
  readonly busy: number;
  readonly parts: readonly Share[];
  readonly functions: readonly Share[];
}

const MAX_FUNCTIONS = 12;

/**
 * Attributes built-in code to its nearest caller: `Buffer.from` in jsonwebtoken counts for
 * jsonwebtoken.
 */
export function whereTimeGoes(profile: Profiler.Profile): TimeSpent {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const parts = new Map<string, number>();
  const functions = new Map<string, number>();
  const [samples, deltas] = [profile.samples ?? [], profile.timeDeltas ?? []];
  let [all, idle] = [0, 0];
  samples.forEach((id, at) => {
    const time = deltas[at] ?? 0;
    const frame = nodes.get(id)?.callFrame;
    // The start of the profiler counts for nobody.
    if (frame === undefined || frame.url === 'node:inspector') return;
    all += time;
    if (frame.functionName === '(idle)') {
      idle += time;
      return;
    }
    add(parts, ownerOf(id), time);
    add(functions, `${frame.functionName || '(anonymous)'} ${placeOf(frame.url)}`.trim(), time);
  });

  function ownerOf(start: number): string {
    let inNode: string | undefined;
    for (let id: number | undefined = start; id !== undefined; id = parents.get(id)) {
      const frame = nodes.get(id)?.callFrame;
      if (frame?.functionName === '(garbage collector)') return 'garbage collection';
      if (frame === undefined || frame.url === '') continue;
      if (!frame.url.startsWith('node:')) return partOf(frame.url);
      inNode ??= frame.url.includes('http') ? 'node:http' : frame.url.includes('stream') || frame.url.includes('net') ? 'node:net' : 'node';
    }
    return inNode ?? 'node (native)';
  }
  return { busy: (all - idle) / all, parts: shares(parts, all - idle), functions: shares(functions, all - idle).slice(0, MAX_FUNCTIONS) };
}

const ROOT = new URL('../..', import.meta.url).href;

/** Returns the library, or our folder. */
function partOf(url: string): string {
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (library !== undefined) return library;
  return url.startsWith(ROOT) ? url.slice(ROOT.length).split('/').slice(0, -1).join('/') : placeOf(url);
}

const placeOf = (url: string): string => url.split('/').slice(-2).join('/');

const add = (to: Map<string, number>, name: string, time: number) => void to.set(name, (to.get(name) ?? 0) + time);

const shares = (times: ReadonlyMap<string, number>, all: number): Share[] =>
  [...times].map(([name, time]) => ({ name, share: time / all })).sort((a, b) => b.share - a.share);
