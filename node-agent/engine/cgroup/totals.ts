/**
 * The totals of all sessions of a node. The rest of the host is for the system, the engine and the
 * node agent.
 */
export interface Totals {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly processes: number;
}

/** The share that the host keeps by default. */
const SHARE = 0.1;
const MIN_RESERVE: Totals = { cpuMillis: 100, memoryBytes: 128 * 1024 * 1024, processes: 1024 };

/**
 * Returns the host's resources minus the reserve, but at least half of them: a node that offers
 * nothing would only confuse its operator.
 */
export function totalsOf(host: Totals, reserve: Partial<Totals> = {}): Totals {
  const of = (field: keyof Totals) => {
    const usual = Math.min(Math.max(MIN_RESERVE[field], Math.ceil(host[field] * SHARE)), Math.floor(host[field] / 2));
    return Math.max(1, host[field] - (reserve[field] ?? usual));
  };
  return { cpuMillis: of('cpuMillis'), memoryBytes: of('memoryBytes'), processes: of('processes') };
}
