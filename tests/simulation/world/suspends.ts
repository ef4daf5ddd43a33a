import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';

interface Asked {
  readonly generation: number;
  readonly graceMs: number;
  readonly atMs: number;
  /** When another state was requested; Infinity if none was. */
  overMs: number;
}

/** Time until a node and its guest must know of a new request. */
const UNHEARD_MS = 90_000;

/**
 * When the suspend of each session was requested, and when its run can be interrupted: not before
 * the grace period is over.
 */
export class Suspends {
  readonly #asked = new Map<string, Asked[]>();
  readonly #generations = new Map<string, number>();

  committed(mutations: readonly Mutation[], nowMs: number): void {
    for (const mutation of mutations) if (mutation.kind === 'put' && mutation.table === 'sessions') this.#became(mutation.row, nowMs);
  }

  /** A drain of an earlier generation continues. */
  restored(rows: Iterable<SessionRow>, nowMs: number): void {
    for (const row of rows) {
      const earliest = this.#asked.get(row.id)?.[0]?.atMs;
      this.#became(row, row.desired === 'suspended' ? (earliest ?? nowMs) : nowMs);
    }
  }

  #became({ id, generation, desired, graceMs }: SessionRow, atMs: number): void {
    if (this.#generations.get(id) === generation) return;
    this.#generations.set(id, generation);
    const asked = this.#asked.get(id) ?? [];
    this.#asked.set(id, asked);
    const last = asked.at(-1);
    if (last?.overMs === Number.POSITIVE_INFINITY) last.overMs = atMs;
    if (desired === 'suspended') asked.push({ generation, graceMs, atMs, overMs: Number.POSITIVE_INFINITY });
  }

  /** Returns whether a node with this generation has waited for the whole grace period. */
  isGraceOver(sessionId: string, generation: number, nowMs: number): boolean {
    const asked = this.#asked.get(sessionId) ?? [];
    const at = asked.findIndex((one) => one.generation === generation);
    // A drain continues if the suspend is requested again.
    const first = asked.findLastIndex((one, index) => index <= at && asked[index - 1]?.overMs !== one.atMs);
    return asked.slice(Math.max(first, 0), at + 1).some(({ graceMs, atMs }) => nowMs >= atMs + graceMs);
  }

  /** Returns whether a guest can interrupt its current run. */
  mayInterrupt(sessionId: string, nowMs: number): boolean {
    const asked = this.#asked.get(sessionId) ?? [];
    return asked.some(({ graceMs, atMs, overMs }) => nowMs >= atMs + graceMs && nowMs < overMs + UNHEARD_MS);
  }
}
