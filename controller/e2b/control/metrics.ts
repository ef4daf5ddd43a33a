import type { SessionRow } from '../../domain/sessions/rows.ts';

/** Prints what a sandbox uses, from its own cgroup (version 2 or 1) and disk. The processor is read twice, in nanoseconds. */
export const METRICS_SCRIPT = `c=/sys/fs/cgroup
if [ -e $c/cgroup.controllers ]; then
  used() { while read -r k v; do [ "$k" = usage_usec ] && echo "\${v}000"; done <$c/cpu.stat; }
  mem=$c/memory.current stat=$c/memory.stat cache=file
else
  used() { cat $c/cpuacct/cpuacct.usage; }
  mem=$c/memory/memory.usage_in_bytes stat=$c/memory/memory.stat cache=total_cache
fi
a=$(used); from=$(date +%s%N); sleep 0.1; b=$(used); to=$(date +%s%N)
echo "cpu $((b - a)) $((to - from))"
echo "mem $(cat $mem)"
while read -r k v; do [ "$k" = $cache ] && echo "cache $v"; done <$stat
df -B1 -P /session | tail -n 1 | { read -r f t u r; echo "disk $u $t"; }
exit 0`;

export interface Metric {
  readonly timestamp: string;
  readonly timestampUnix: number;
  readonly cpuCount: number;
  readonly cpuUsedPct: number;
  readonly memUsed: number;
  readonly memTotal: number;
  readonly memCache: number;
  readonly diskUsed: number;
  readonly diskTotal: number;
}

/** Reads what {@link METRICS_SCRIPT} printed. What could not be read is 0. `now`: Unix milliseconds. */
export function metricIn(printed: string, { limits }: Pick<SessionRow, 'limits'>, now: number): Metric {
  const found = new Map<string, readonly number[]>();
  for (const line of printed.split('\n')) {
    const [name = '', ...values] = line.split(' ');
    found.set(name, values.map(Number));
  }
  const read = (name: string, at = 0): number => {
    const value = found.get(name)?.[at] ?? 0;
    return Number.isFinite(value) ? Math.max(0, value) : 0;
  };
  const cpus = limits.cpuMillis / 1000;
  const timestampUnix = Math.floor(now / 1000);
  return {
    timestamp: new Date(timestampUnix * 1000).toISOString(),
    timestampUnix,
    cpuCount: Math.max(1, Math.ceil(cpus)),
    cpuUsedPct: Math.round((read('cpu') / Math.max(1, read('cpu', 1)) / cpus) * 10_000) / 100,
    memUsed: read('mem'),
    memTotal: limits.memoryBytes,
    memCache: read('cache'),
    diskUsed: read('disk'),
    diskTotal: read('disk', 1),
  };
}

/** Whether a reading at `now` (Unix milliseconds) is in the window of a request; false for an invalid one. */
export function isAsked(query: URLSearchParams, now: number): boolean {
  const [start, end] = [Number(query.get('start') ?? 0), Number(query.get('end') ?? Number.POSITIVE_INFINITY)];
  const seconds = Math.floor(now / 1000);
  // Clients round the end down to a second that has just begun.
  return start <= seconds && end >= seconds - 1;
}
