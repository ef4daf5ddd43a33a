import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { excuseNodes, failLostSessions, loseNode, nodeUnreachable } from '../../domain/nodes/commands/node-absence.ts';
import { absenceDue, gapMs } from '../../domain/nodes/lease.ts';
import type { Attributed } from '../audit/audit-record.ts';
import type { Applier } from '../engine/applier.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type LeaseTimes, LOST_AFTER_MS } from './lease.ts';

export interface LeaseWatchNeeds {
  readonly applier: Applier;
  readonly view: View;
  readonly fleet: Fleet;
  readonly lease: LeaseTimes;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Judges leases and absences, once a heartbeat.
 *
 * 1. A tick that comes much too late says that this process was not there to hear: every lease is renewed, the time is not
 *    held against the nodes that were away, and nobody is judged until there was time to come back.
 * 2. Leases are judged after what waits on the streams was read. A stream that is not read from, because too much of it is
 *    undecided, is not late.
 * 3. A missed lease ends the stream: the node is unreachable, and may come back on a new one.
 * 4. Only time in which this controller was there counts towards `lost`, and it is kept, so that one that is restarted again and
 *    again gets there, too.
 */
export class LeaseWatch {
  readonly #needs: LeaseWatchNeeds;
  readonly #lostAfterMs: number;
  #watchingSince = 0;
  #lastTick = { monotonic: 0, wall: 0, at: 0 };
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #closed = false;

  constructor(needs: LeaseWatchNeeds) {
    this.#needs = needs;
    this.#lostAfterMs = needs.lease.lostAfterMs ?? LOST_AFTER_MS;
  }

  /** `lastAliveAt` is when a controller of this store last committed something, 0 for never. */
  start(lastAliveAt: number): void {
    const { applier, view, lease } = this.#needs;
    const away = lastAliveAt === 0 ? 0 : gapMs(applier.time.ageMs(lastAliveAt), lease.heartbeatMs);
    this.#begin(away);
    for (const { id, lostAt } of view.nodes()) if (lostAt !== null) void this.#failSessions(id);
    this.#tickLater();
  }

  /** Gives a node up. Resolves once all that was on it is failed. */
  async lose(id: NodeId, by: string | null, caller?: Attributed): Promise<Outcome<boolean>> {
    const { applier, fleet, log } = this.#needs;
    const lost = await applier.submit(
      loseNode(id, (node) => fleet.isConnected(node), by),
      caller,
    );
    if (!lost.ok || !lost.value) return lost;
    log.warn('node.lost', { node: id, by });
    await this.#failSessions(id);
    return lost;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#soon?.cancel();
  }

  #begin(awayMs: number): void {
    const { clock, applier } = this.#needs;
    this.#watchingSince = clock.monotonic();
    this.#lastTick = this.#tickNow();
    if (awayMs > 0) applier.tell(excuseNodes(awayMs));
  }

  #tickNow() {
    const { applier, clock } = this.#needs;
    return { monotonic: clock.monotonic(), wall: clock.now(), at: applier.time.now() };
  }

  #tickLater(): void {
    const { clock, lease } = this.#needs;
    this.#timer = clock.after(lease.heartbeatMs, () => this.#tick());
  }

  #tick(): void {
    const { applier, clock, fleet, lease, log } = this.#needs;
    this.#tickLater();
    const passed = Math.max(clock.monotonic() - this.#lastTick.monotonic, applier.time.ageMs(this.#lastTick.at));
    // A suspended virtual machine shows by its wall clock alone; a clock that was set looks the same, and costs a lease's delay.
    const elapsed = Math.max(passed, clock.now() - this.#lastTick.wall);
    const gap = gapMs(elapsed, lease.heartbeatMs);
    this.#lastTick = this.#tickNow();
    if (gap > 0) {
      log.warn('lease.gap', { gap_ms: Math.round(gap) });
      for (const stream of fleet.streams()) stream.lease.renew();
      this.#begin(gapMs(passed, lease.heartbeatMs));
      return;
    }
    // Once around the loop: what has come on the sockets is read between a timer and the second turn.
    this.#soon = clock.soon(() => {
      this.#soon = clock.soon(() => this.#judge());
    });
  }

  #judge(): void {
    if (this.#closed) return;
    const { clock, fleet, view, lease, log } = this.#needs;
    for (const stream of fleet.streams()) {
      if (stream.isBehind) stream.lease.renew();
      if (!stream.lease.runs) stream.close(new Error('its lease ran out: no heartbeat came'));
    }
    for (const stream of fleet.contenders()) if (!stream.lease.runs) stream.close(new Error('no hello came'));
    const watchedMs = clock.monotonic() - this.#watchingSince;
    const limits = { leaseMs: lease.leaseMs, lostAfterMs: this.#lostAfterMs };
    // One that is still saying what it holds is there, too.
    const connected = new Set(fleet.streams().map(({ nodeId }) => nodeId));
    for (const row of view.nodes()) {
      const due = absenceDue(row, connected.has(row.id), this.#needs.applier.time, watchedMs, limits);
      if (due === 'unreachable') this.#needs.applier.tell(nodeUnreachable(row.id, false));
      if (due === 'lost') this.lose(row.id, null).catch((error) => log.error('node.lose_failed', { node: row.id, error: String(error) }));
    }
  }

  /** What stays undone when this process ends is done at the next start. */
  async #failSessions(id: NodeId): Promise<void> {
    try {
      while (!this.#closed && (await this.#needs.applier.apply(failLostSessions(id))));
    } catch {
      // Said by the applier.
    }
  }
}
