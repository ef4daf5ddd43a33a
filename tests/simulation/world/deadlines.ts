import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';

/** Time for the command to be sent and decided, even if the applier is blocked at first. */
const SLACK_MS = 5_000;
/**
 * Tolerance of times in rows: small steps of a wall clock are followed, and there can be several.
 */
const EARLY_MS = 5_000;

type Rest = 'paused' | 'suspended';

const NO_RESTS: Since['restedFromMs'] = { paused: [], suspended: [] };

/** Times of a session in simulated time, which no clock of the product can set. */
interface Since {
  readonly createdAt: number;
  readonly activeAt: number;
  readonly createdMs: number;
  activeMs: number;
  updatedMs: number;
  /**
   * The last activity before each of the two newest times that the session was paused, and that it
   * was suspended. The controller announces an expiry after its commit, when the session may already
   * have been resumed, and put to rest again by a client.
   */
  readonly restedFromMs: Readonly<Record<Rest, readonly number[]>>;
  /** When each activity happened, by the time in the session's row. */
  readonly activities: Map<number, number>;
}

export interface DeadlinesDeps {
  readonly nowMs: () => number;
  readonly violation: (what: string) => void;
  /** How long a node can be away before it is lost. */
  readonly lostAfterMs: number;
}

/**
 * Checks that timeouts happen in time: not early, whatever the machines' clocks show, and not much
 * later.
 */
export class Deadlines {
  readonly #deps: DeadlinesDeps;
  readonly #sessions = new Map<string, { row: SessionRow; since: Since }>();
  readonly #awaySinceMs = new Map<string, number>();
  /** When each node was lost, by its row. */
  readonly #lostAt = new Map<string, number | null>();

  constructor(deps: DeadlinesDeps) {
    this.#deps = deps;
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'sessions') this.#became(mutation.row);
      if (mutation.table === 'nodes') {
        const { id, name, unreachableSince, lostAt, revokedAt } = mutation.row;
        const nowMs = this.#deps.nowMs();
        if (unreachableSince === null) this.#awaySinceMs.delete(id);
        else if (!this.#awaySinceMs.has(id)) this.#awaySinceMs.set(id, nowMs);
        const awayMs = nowMs - (this.#awaySinceMs.get(id) ?? nowMs);
        // Other changes of a lost node, such as a drain, write it again.
        const isNew = lostAt !== (this.#lostAt.get(id) ?? null);
        this.#lostAt.set(id, lostAt);
        if (isNew && lostAt !== null && revokedAt === null && awayMs + EARLY_MS < this.#deps.lostAfterMs)
          this.#deps.violation(`${name} was given up after ${Math.round(awayMs)} ms of ${this.#deps.lostAfterMs}`);
      }
    }
  }

  /**
   * A session from a backup was last used when the backup says. Sessions missing from it stay known:
   * a later restore can use a backup that has them.
   */
  restored(view: View): void {
    this.#awaySinceMs.clear();
    for (const { id, lostAt } of view.nodes()) this.#lostAt.set(id, lostAt);
    for (const [id, { since }] of [...this.#sessions]) {
      const row = view.get('sessions', id);
      if (row === undefined) continue;
      const activeMs = since.activities.get(activeAt(row)) ?? since.createdMs;
      this.#sessions.set(id, {
        row,
        since: {
          ...since,
          createdAt: row.createdAt,
          activeAt: activeAt(row),
          activeMs,
          restedFromMs: { paused: [activeMs], suspended: [activeMs] },
        },
      });
    }
  }

  #became(row: SessionRow): void {
    const nowMs = this.#deps.nowMs();
    const known = this.#sessions.get(row.id)?.since;
    const before = known?.createdAt === row.createdAt ? known : undefined;
    const rests = before?.restedFromMs ?? NO_RESTS;
    const isNewlyResting = isResting(row.desired) && row.desired !== this.#sessions.get(row.id)?.row.desired;
    const activities = before?.activities ?? new Map<number, number>();
    if (!activities.has(activeAt(row))) activities.set(activeAt(row), nowMs);
    const since: Since = {
      createdAt: row.createdAt,
      activeAt: activeAt(row),
      createdMs: before?.createdMs ?? nowMs,
      activeMs: before?.activeAt === activeAt(row) ? before.activeMs : nowMs,
      updatedMs: nowMs,
      restedFromMs: isNewlyResting ? { ...rests, [row.desired]: [...rests[row.desired], before?.activeMs ?? nowMs].slice(-2) } : rests,
      activities,
    };
    this.#sessions.set(row.id, { row, since });
    if (row.desired === 'deleted' && row.terminationReason === 'its time to live is over')
      this.#judgeEarly(row, 'deleted', nowMs - since.createdMs, row.timeouts.ttl_s);
  }

  /** A controller reports that a session's timeout took effect. */
  expired(id: string, expiry: string): void {
    const known = this.#sessions.get(id);
    if (known === undefined || expiry === 'delete') return;
    const { row, since } = known;
    const isPause = expiry === 'pause';
    const restedFromMs = Math.min(this.#deps.nowMs(), ...since.restedFromMs[isPause ? 'paused' : 'suspended']);
    this.#judgeEarly(row, expiry, this.#deps.nowMs() - restedFromMs, isPause ? row.timeouts.idle_pause_s : row.timeouts.idle_suspend_s);
  }

  #judgeEarly({ id }: SessionRow, what: string, afterMs: number, limitS = Number.POSITIVE_INFINITY): void {
    if (afterMs + EARLY_MS < limitS * 1000)
      this.#deps.violation(`${id} expired (${what}) after ${Math.round(afterMs)} ms of its ${limitS} s`);
  }

  /** Called at rest: nothing is overdue. */
  judge(view: View): void {
    for (const { row: known, since } of this.#sessions.values()) {
      const row = view.get('sessions', known.id);
      if (row === undefined || row.desired === 'deleted') continue;
      const { ttl_s: ttlS, idle_pause_s: pauseS, idle_suspend_s: suspendS } = row.timeouts;
      const isOverdue = (sinceMs: number, seconds: number | undefined) =>
        seconds !== undefined && this.#deps.nowMs() > Math.max(sinceMs + seconds * 1000, since.updatedMs) + SLACK_MS;
      const { violation } = this.#deps;
      if (isOverdue(since.createdMs, ttlS)) violation(`${row.id} outlives the ${ttlS} s that it was to live`);
      const isUp = row.phase === 'running' || row.phase === 'paused';
      if (!isUp || view.isQueued(row.id) || (row.keptAwake && row.desired === 'running')) continue;
      if (row.desired === 'running' && isOverdue(since.activeMs, pauseS)) violation(`${row.id} was to be paused after ${pauseS} s of rest`);
      if ((row.desired === 'running' || row.desired === 'paused') && isOverdue(since.activeMs, suspendS))
        violation(`${row.id} was to be suspended after ${suspendS} s of rest`);
    }
  }
}

const activeAt = ({ lastActivityAt, startedAt, createdAt }: SessionRow): number => lastActivityAt ?? startedAt ?? createdAt;

const isResting = (desired: SessionRow['desired']): desired is Rest => desired === 'paused' || desired === 'suspended';
