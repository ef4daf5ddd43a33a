import type { NodeId } from '../../domain/engine/ids.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import { excuseNodes, failLostSessions, loseNode, nodeUnreachable } from '../../domain/nodes/commands/node-absence.ts';
import { forgetTombstones, removeNode } from '../../domain/nodes/commands/remove-node.ts';
import { absenceDue, gapMs } from '../../domain/nodes/lease.ts';
import { endSlotsOf } from '../../domain/slots/commands/end-slots.ts';
import type { Attributed } from '../audit/audit-record.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type LeaseTimes, LOST_AFTER_MS } from './lease.ts';

export interface LeaseDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'clock' | 'log'> {
  readonly directory: Pick<NodeDirectory, 'rows'>;
  readonly fleet: Fleet;
  readonly lease: LeaseTimes;
}

/**
 * Checks leases and absences, once per heartbeat interval.
 * 1. A tick that comes far too late means that this process was not running: every lease is
 *    renewed, absent nodes are not charged for the time, and no node is judged until it had time to
 *    reconnect.
 * 2. Leases are checked after pending frames were read. A stream that is not read, because too many
 *    of its frames are undecided, is not late.
 * 3. A missed lease closes the stream: the node is unreachable and can reconnect.
 * 4. Only time in which this controller ran counts towards `lost`. It is stored, so that a
 *    controller that restarts often gets there too.
 */
export class LeaseLoop {
  readonly #deps: LeaseDeps;
  readonly #lostAfterMs: number;
  #watchingSince = 0;
  #lastTick = { monotonic: 0, wall: 0, at: 0 };
  readonly #ticks: Loop<'tick'>;
  /** Lost and removed nodes, until all their sessions have failed. */
  readonly #lost: Loop<NodeId>;

  constructor(deps: LeaseDeps) {
    this.#deps = deps;
    this.#lostAfterMs = deps.lease.lostAfterMs ?? LOST_AFTER_MS;
    this.#ticks = deps.loops.open({ name: 'leases', run: (_key, closing) => this.#tick(closing) });
    this.#lost = deps.loops.open({ name: 'lost_nodes', concurrency: 8, run: (id, closing) => this.#failSessions(id, closing) });
  }

  /** `lastAliveAt` is when a controller of this store last committed something, or 0. */
  start(lastAliveAt: number): void {
    const { applier, directory, lease, view } = this.#deps;
    const away = lastAliveAt === 0 ? 0 : gapMs(applier.time.ageMs(lastAliveAt), lease.heartbeatMs);
    this.#begin(away);
    for (const { id, lostAt } of directory.rows()) if (lostAt !== null) this.#lost.wake(id);
    for (const { id } of view.removedNodes())
      if (view.unfailedOn(id, 1).length + view.tombstonesOf(id, '', 1).length + view.slotsOnAfter(id, '', 1).length > 0)
        this.#lost.wake(id);
    this.#ticks.after('tick', lease.heartbeatMs);
  }

  /** Declares a node lost. Resolves once all its sessions have failed. */
  async lose(id: NodeId, by: string | null, caller?: Attributed): Promise<Outcome<boolean>> {
    const { applier, fleet, log } = this.#deps;
    const lost = await applier.submit(
      loseNode(id, (node) => fleet.isConnected(node), by),
      caller,
    );
    if (!lost.ok || !lost.value) return lost;
    log.warn('node.lost', { node: id, by });
    await this.#lost.settled(id);
    return lost;
  }

  /** Removes a node. Resolves once its sessions, if there are any, have failed. */
  async remove(id: NodeId, lost: boolean, caller: Attributed & { readonly user: string }): Promise<Outcome<undefined>> {
    const { applier, log } = this.#deps;
    const removed = await applier.submit(removeNode(id, lost, caller.user), caller);
    if (!removed.ok) return removed;
    log.warn('node.removed', { node: id, lost, by: caller.user });
    await this.#lost.settled(id);
    return removed;
  }

  #begin(awayMs: number): void {
    const { clock, applier } = this.#deps;
    this.#watchingSince = clock.monotonic();
    this.#lastTick = this.#tickNow();
    if (awayMs > 0) applier.tell(excuseNodes(awayMs));
  }

  #tickNow() {
    const { applier, clock } = this.#deps;
    return { monotonic: clock.monotonic(), wall: clock.now(), at: applier.time.now() };
  }

  async #tick(closing: AbortSignal): Promise<undefined> {
    const { applier, clock, fleet, lease, log } = this.#deps;
    this.#ticks.after('tick', lease.heartbeatMs);
    const passed = Math.max(clock.monotonic() - this.#lastTick.monotonic, applier.time.ageMs(this.#lastTick.at));
    // A suspended virtual machine shows only in its wall clock. A clock that was set looks the
    // same, and costs one lease's delay.
    const elapsed = Math.max(passed, clock.now() - this.#lastTick.wall);
    const gap = gapMs(elapsed, lease.heartbeatMs);
    this.#lastTick = this.#tickNow();
    if (gap > 0) {
      log.warn('lease.gap', { gap_ms: Math.round(gap) });
      for (const stream of fleet.streams()) stream.lease.renew();
      this.#begin(gapMs(passed, lease.heartbeatMs));
      return;
    }
    // Two turns of the event loop, so that data on the sockets is read first.
    for (let turn = 0; turn < 2; turn += 1) await new Promise<void>((resolve) => void clock.soon(resolve));
    if (!closing.aborted) this.#judge();
  }

  #judge(): void {
    const { clock, fleet, directory, lease, log } = this.#deps;
    for (const stream of fleet.streams()) {
      if (stream.flow.isBehind) stream.lease.renew();
      if (!stream.lease.runs) stream.close(new Error('the lease expired without a heartbeat'));
    }
    for (const stream of fleet.contenders()) if (!stream.lease.runs) stream.close(new Error('no hello arrived'));
    const watchedMs = clock.monotonic() - this.#watchingSince;
    const limits = { leaseMs: lease.leaseMs, lostAfterMs: this.#lostAfterMs };
    // A node that is still sending its inventory is connected.
    const connected = new Set(fleet.streams().map(({ nodeId }) => nodeId));
    for (const row of directory.rows()) {
      const due = absenceDue(row, connected.has(row.id), this.#deps.applier.time, watchedMs, limits);
      if (due === 'unreachable') this.#deps.applier.tell(nodeUnreachable(row.id, false));
      if (due === 'lost') this.lose(row.id, null).catch((error) => log.error('node.lose_failed', { node: row.id, error: String(error) }));
    }
  }

  /** If this process ends first, the next start continues. */
  async #failSessions(id: NodeId, closing: AbortSignal): Promise<undefined> {
    const { applier } = this.#deps;
    while (!closing.aborted && (await applier.apply(failLostSessions(id))));
    while (!closing.aborted && (await applier.apply(endSlotsOf(id))));
    while (!closing.aborted && (await applier.apply(forgetTombstones(id))));
  }
}
