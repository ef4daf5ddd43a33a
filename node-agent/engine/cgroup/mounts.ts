/**
 * Where control groups are mounted: one tree for all controllers (version 2), or one per controller
 * (version 1).
 */
export type CgroupMounts =
  | { readonly version: 2; readonly root: string }
  | {
      readonly version: 1;
      readonly cpu: string;
      readonly memory: string;
      readonly pids: string;
      /**
       * The mounts of all controllers, including unused ones: the engine creates a group in each.
       */
      readonly every: readonly string[];
    };

/**
 * Parses /proc/self/mountinfo. A host that mounts both versions uses version 1. Throws when a
 * controller is not mounted.
 */
export function cgroupMounts(mountinfo: string): CgroupMounts {
  const v1 = new Map<string, string>();
  let v2: string | undefined;
  const every = new Set<string>();
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const path = unescaped(before.split(' ')[4] ?? '');
    const [type, , options = ''] = after.split(' ');
    if (type === 'cgroup' || type === 'cgroup2') every.add(path);
    if (type === 'cgroup2') v2 ??= path;
    if (type === 'cgroup') for (const option of options.split(',')) if (!v1.has(option)) v1.set(option, path);
  }
  const [cpu, memory, pids] = [v1.get('cpu'), v1.get('memory'), v1.get('pids')];
  if (cpu !== undefined && memory !== undefined && pids !== undefined) return { version: 1, cpu, memory, pids, every: [...every] };
  if (v2 !== undefined && v1.size === 0) return { version: 2, root: v2 };
  const missing = [cpu === undefined && 'cpu', memory === undefined && 'memory', pids === undefined && 'pids'].filter(Boolean);
  throw new Error(`no cgroup is mounted for ${missing.join(', ')}`);
}

const unescaped = (path: string) => path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
