import type { SessionRow } from '../../domain/sessions/rows.ts';

/** Prints what a sandbox uses, from its own cgroup and disk. The two readings of the processor are 100 ms apart. */
export const METRICS_SCRIPT = `cd /sys/fs/cgroup 2>/dev/null || cd /
u() { while read -r k v; do [ "$k" = usage_usec ] && echo "$v"; done <cpu.stat; }
a=$(u); sleep 0.1; b=$(u)
echo "cpu $((b - a))"
echo "mem $(cat memory.current)"
while read -r k v; do [ "$k" = file ] && echo "cache $v"; done <memory.stat
df -B1 -P / | tail -n 1 | { read -r f t u r; echo "disk $u $t"; }
exit 0`;

const INTERVAL_S = 0.1;

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
    cpuUsedPct: Math.round((read('cpu') / 1e6 / INTERVAL_S / cpus) * 10_000) / 100,
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
