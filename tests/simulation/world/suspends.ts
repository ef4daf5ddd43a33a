import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';

interface Asked {
  readonly generation: number;
  readonly graceMs: number;
  readonly atMs: number;
  /** When something else was asked for; Infinity while nothing was. */
  overMs: number;
}

/** For so long a node, or its guest, may not have heard that something else is asked for by now. */
const UNHEARD_MS = 90_000;

/** When each session was asked to be suspended, and when what ran in it then may be cut off: not before its grace is over. */
export class Suspends {
  readonly #asked = new Map<string, Asked[]>();
  readonly #generations = new Map<string, number>();

  committed(mutations: readonly Mutation[], nowMs: number): void {
    for (const mutation of mutations) if (mutation.kind === 'put' && mutation.table === 'sessions') this.#became(mutation.row, nowMs);
  }

  /** What was under way for the sake of an earlier generation goes on. */
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

  /** Whether a node that was told this generation has waited for as long as it had to. */
  isGraceOver(sessionId: string, generation: number, nowMs: number): boolean {
    const asked = this.#asked.get(sessionId) ?? [];
    const at = asked.findIndex((one) => one.generation === generation);
    // A drain goes on when the session is asked once more to be suspended.
    const first = asked.findLastIndex((one, index) => index <= at && asked[index - 1]?.overMs !== one.atMs);
    return asked.slice(Math.max(first, 0), at + 1).some(({ graceMs, atMs }) => nowMs >= atMs + graceMs);
  }

  /** Whether a guest may interrupt what it runs now. */
  mayInterrupt(sessionId: string, nowMs: number): boolean {
    const asked = this.#asked.get(sessionId) ?? [];
    return asked.some(({ graceMs, atMs, overMs }) => nowMs >= atMs + graceMs && nowMs < overMs + UNHEARD_MS);
  }
}
