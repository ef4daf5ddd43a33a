import type { Mutation } from '../../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { NewEvent } from '../../../../controller/domain/events/events.ts';
import type { PortShareRow } from '../../../../controller/domain/ports/rows.ts';
import type { SandboxRow } from '../../../../controller/domain/sandboxes/rows.ts';

/** Tolerance of times in rows, as for all deadlines. */
const EARLY_MS = 5_000;
/** Time for the command to be sent and decided. */
const SLACK_MS = 5_000;

interface Limit {
  /** In simulated time. */
  readonly sinceMs: number;
  readonly forMs: number;
}

export interface LimitAuditDeps {
  readonly nowMs: () => number;
  readonly violation: (what: string) => void;
}

/** Checks that public ports and sandboxes end in time: not early, not late, and said once. */
export class LimitAudit {
  readonly #deps: LimitAuditDeps;
  /** When a time in a row was first committed, also before a restore. */
  readonly #seenMs = new Map<string, number>();
  readonly #shares = new Map<string, { readonly row: PortShareRow; readonly limit: Limit }>();
  /** The newest limit is last. */
  readonly #sandboxes = new Map<string, { readonly row: SandboxRow; readonly limits: readonly Limit[] }>();

  constructor(deps: LimitAuditDeps) {
    this.#deps = deps;
  }

  committed(mutations: readonly Mutation[], events: readonly NewEvent[]): void {
    const unshared = events.filter(({ type }) => type === 'session.port_unshared');
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'portShares') this.#shared(mutation.row);
      if (mutation.kind === 'put' && mutation.table === 'sandboxes') this.#sandboxBecomes(mutation.row);
      if (mutation.kind === 'put' && mutation.table === 'sessions') {
        const { id, desired, generation, terminationReason } = mutation.row;
        if (desired === 'running') this.#resumed(id, generation);
        if (desired === 'deleted' && terminationReason === 'its timeout is over') this.sandboxEnded(id, 'kill');
      }
      if (mutation.kind === 'remove' && mutation.table === 'portShares') this.#unshared(mutation.id, mutations, unshared);
      if (mutation.kind === 'remove' && mutation.table === 'sandboxes') this.#sandboxes.delete(mutation.id);
    }
  }

  restored(view: View): void {
    this.#shares.clear();
    this.#sandboxes.clear();
    for (const row of view.portShares('', Number.MAX_SAFE_INTEGER)) this.#shared(row);
    for (const row of view.sandboxesAfter('', Number.MAX_SAFE_INTEGER)) this.#sandboxBecomes(row);
  }

  #limit(id: string, from: number, forMs: number): Limit {
    const key = `${id} ${from}`;
    const sinceMs = this.#seenMs.get(key) ?? this.#deps.nowMs();
    this.#seenMs.set(key, sinceMs);
    return { sinceMs, forMs };
  }

  #shared(row: PortShareRow): void {
    this.#shares.set(row.id, { row, limit: this.#limit(row.id, row.createdAt, row.publicUntil - row.createdAt) });
  }

  #unshared(id: string, mutations: readonly Mutation[], events: readonly NewEvent[]): void {
    const known = this.#shares.get(id);
    this.#shares.delete(id);
    if (known === undefined) return;
    const { sessionId, port } = known.row;
    const isDeleted = mutations.some(
      (one) => one.kind === 'put' && one.table === 'sessions' && one.row.id === sessionId && one.row.desired === 'deleted',
    );
    const told = events.filter(({ sessionId: of, data }) => of === sessionId && data.port === port);
    const ends = mutations.filter((one) => one.kind === 'remove' && one.table === 'portShares' && one.id === id).length;
    if (told.length !== ends && !isDeleted)
      this.#deps.violation(`port ${port} of ${sessionId} is no longer public, said ${told.length} times`);
    if (told[0]?.data.reason === 'expired') this.#judgeEarly(`port ${port} of ${sessionId}`, known.limit);
  }

  #sandboxBecomes(row: SandboxRow): void {
    if (row.kind !== 'sandbox') return;
    const limits = this.#sandboxes.get(row.id)?.limits ?? [];
    this.#sandboxes.set(row.id, { row, limits: [...limits.slice(-2), this.#limit(row.id, row.timeoutAt, row.timeoutMs)] });
  }

  /** Its time begins anew in another generation of its session. */
  #resumed(id: string, generation: number): void {
    const known = this.#sandboxes.get(id);
    if (known === undefined || known.row.generation === generation) return;
    const { row, limits } = known;
    this.#sandboxes.set(id, { row: { ...row, generation }, limits: [{ sinceMs: this.#deps.nowMs(), forMs: limits.at(-1)?.forMs ?? 0 }] });
  }

  /** A controller reports it after its commit, when the sandbox can have another limit. */
  sandboxEnded(id: string, how: string): void {
    const { limits = [] } = this.#sandboxes.get(id) ?? {};
    const first = limits.toSorted((a, b) => a.sinceMs + a.forMs - (b.sinceMs + b.forMs))[0];
    if (first !== undefined) this.#judgeEarly(`the sandbox ${id} (${how})`, first);
  }

  #judgeEarly(what: string, { sinceMs, forMs }: Limit): void {
    const afterMs = this.#deps.nowMs() - sinceMs;
    if (afterMs + EARLY_MS < forMs) this.#deps.violation(`${what} ended after ${Math.round(afterMs)} ms of its ${forMs}`);
  }

  /** Called at rest: nothing is overdue, and nothing outlives its session. */
  judge(view: View): void {
    const { nowMs, violation } = this.#deps;
    const isOver = (limit: Limit | undefined) => limit !== undefined && nowMs() > limit.sinceMs + limit.forMs + SLACK_MS;
    const isGone = (id: string) => (view.get('sessions', id)?.desired ?? 'deleted') === 'deleted';
    for (const { row, limit } of this.#shares.values()) {
      if (isGone(row.sessionId)) violation(`port ${row.port} of ${row.sessionId}, deleted, is public`);
      else if (isOver(limit)) violation(`port ${row.port} of ${row.sessionId} is public beyond its ${limit.forMs} ms`);
    }
    for (const [id, { limits }] of this.#sandboxes) {
      if (isGone(id)) violation(`the sandbox ${id} outlives its session`);
      else if (view.get('sessions', id)?.desired === 'running' && isOver(limits.at(-1)))
        violation(`the sandbox ${id} runs beyond its ${limits.at(-1)?.forMs} ms`);
    }
  }
}
