import type { Clock } from '../../../seams/clock.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { SessionObject } from '../../contract/sessions.ts';
import type { Fleet, FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import { asksTheSame, firstObstacle, type Need, type Yields } from '../../domain/sessions/placement/filters.ts';
import { lacksRoom, type NoRoom } from '../../domain/sessions/placement/no-room.ts';
import { couldEverTake } from '../../domain/sessions/placement/placement.ts';
import { MAX_WAITING, type ShareOf, sharesOf, WaitQueue } from '../../domain/sessions/placement/wait-queue.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Capacity } from '../engine/capacity.ts';
import { Paced } from '../engine/paced.ts';
import { refusedInQueue } from './refused-in-queue.ts';
import { RoomChanges } from './room-changes.ts';
import type { RoomRequest } from './room-request.ts';

/** Callers whose time is up. */
const LEAVES_IN_A_TURN = 16;

interface Entry extends RoomRequest {
  readonly signal: AbortSignal;
  /** As of its last attempt. */
  last: Need;
  isTrying: boolean;
  /** Gives up, unless it is being decided: it can still succeed, and must be answered. */
  readonly leave: () => void;
  readonly settle: (outcome: Outcome<SessionObject>) => void;
  readonly fail: (error: unknown) => void;
}

export interface PlacementWaitsDeps {
  readonly fleet: Fleet;
  readonly capacity: Pick<Capacity, 'takeFreed' | 'isFreed'>;
  readonly clock: Pick<Clock, 'soon'>;
  readonly metrics?: Metrics;
}

/**
 * Requests whose callers wait until there is room. Room that comes free wakes the queue, which
 * then tries one request after another, in the order of {@link WaitQueue}, as long as one fits.
 * Nothing is stored: when the process ends, callers repeat their requests.
 *
 * Requests that do not wait take their turn as if they came last: see `newcomer`.
 */
export class PlacementWaits {
  readonly #deps: PlacementWaitsDeps;
  readonly #queue = new WaitQueue<Entry>();
  readonly #ended: Counter<'outcome'>;
  /** What can have become possible since the queue was last found to be stuck. */
  #wokenNodes = new Set<NodeId>();
  #wokenEntries = new Set<Entry>();
  /**
   * Found not to fit, or refused although they seemed to, until something changes: what the others
   * get makes no room for them, so none is looked at twice.
   */
  #stuck = new Set<Entry>();
  /** Entries whose session changed so that they need no room any more, or are refused. */
  readonly #decided = new Set<Entry>();
  readonly #changes = new RoomChanges();
  readonly #leaves: Paced;
  #isRunning = false;
  #isClosed = false;

  constructor(deps: PlacementWaitsDeps) {
    const { metrics = silentMetrics } = deps;
    this.#deps = deps;
    this.#leaves = new Paced(deps.clock, LEAVES_IN_A_TURN);
    metrics.gauge({
      name: 'placement_waiting',
      help: 'Requests that wait until a node has room for their session',
      read: () => this.#queue.size,
    });
    this.#ended = metrics.counter({
      name: 'placement_waits_total',
      help: 'Requests that waited for room, or found the queue full, by outcome',
      labels: ['outcome'],
    });
  }

  /**
   * Carries a request out once there is room and it is its turn. When the signal aborts: resolves
   * with the refusal for lack of room. Refuses at once if no node could take the session even when
   * empty, or if too many callers wait.
   */
  async run(request: RoomRequest, signal: AbortSignal): Promise<Outcome<SessionObject>> {
    let need = this.#queue.ahead(request) === undefined ? undefined : request.need();
    if (need === undefined) {
      const outcome = await request.attempt(this.newcomer());
      if (!lacksRoom(outcome) || signal.aborted) return outcome;
      need = outcome.need;
    }
    if (!couldEverTake(this.#nodes(), need, this.#deps.fleet.sizes)) return this.#refusal(need, '');
    const bound = this.#queue.fullOf(request.spaceId);
    if (bound !== undefined) {
      this.#ended.add(1, { outcome: 'full' });
      const whose = bound === 'space' ? ' of this space' : '';
      return this.#refusal(need, ` ${MAX_WAITING[bound]} requests${whose} already wait for room, so this one cannot.`);
    }
    return this.#wait(request, need, signal);
  }

  /**
   * Returns what one request leaves to those that wait: every node, while an earlier one of its
   * order waits; and nodes with room for one of a space that uses no more than its own.
   */
  newcomer(): Yields {
    const { fleet } = this.#deps;
    let shareOf: ShareOf | undefined;
    return (node, need) => {
      if (this.#queue.size === 0) return false;
      const { spaceId, onlyOn, placement, hasDisk: wakes } = need;
      if (this.#queue.ahead({ spaceId, onlyOn, wakes, constraints: placement?.constraints ?? [] }) !== undefined) return true;
      shareOf ??= sharesOf(fleet, this.#nodes());
      const own = shareOf(spaceId);
      for (const entry of this.#canFitOn(node.id))
        if (shareOf(entry.spaceId) <= own && firstObstacle(node, entry.last, fleet.sizes) === undefined) return true;
      return false;
    };
  }

  /** Yields those first in their order which can have come to fit on a node since they were looked at. */
  *#canFitOn(id: NodeId): Generator<Entry> {
    if (this.#deps.capacity.isFreed(id)) yield* this.#queue.firsts();
    else
      for (const entry of this.#wokenNodes.has(id) ? this.#queue.firsts() : this.#wokenEntries)
        if (!this.#stuck.has(entry) && this.#queue.ahead(entry) === entry) yield entry;
  }

  #wait(request: RoomRequest, need: Need, signal: AbortSignal): Promise<Outcome<SessionObject>> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (outcome: string) => {
        isOver = true;
        signal.removeEventListener('abort', leave);
        this.#ended.add(1, { outcome });
        this.#remove(entry);
      };
      // Each refusal looks at every node, and a thousand callers can leave at once.
      const leave = () => this.#leaves.run(refuse);
      const refuse = () => {
        if (entry.isTrying || isOver) return;
        const hadTurn = this.#queue.ahead(entry) === entry && !this.#wokenEntries.has(entry);
        end('unplaced');
        // Behind another one it was not looked at, while settings and images could change.
        const refusal = this.#refusal(request.need() ?? entry.last, '');
        const outcome: NoRoom = hadTurn ? refusal : { ...refusal, hadNoTurn: true };
        resolve(outcome);
      };
      const entry: Entry = {
        ...request,
        signal,
        last: need,
        isTrying: false,
        leave,
        settle(outcome) {
          end(outcome.ok ? 'placed' : 'refused');
          resolve(outcome);
        },
        fail(error) {
          end('failed');
          reject(error);
        },
      };
      signal.addEventListener('abort', leave);
      this.#queue.add(entry);
      // What was refused can fit by now: earlier commands of that batch did not know it waits.
      this.#wokenEntries.add(entry);
      this.#wake();
      if (signal.aborted) leave();
    });
  }

  /** Call after each COMMIT, once directory and capacity have it. */
  committed(mutations: readonly Mutation[]): void {
    const freed = this.#deps.capacity.takeFreed();
    if (this.#queue.size === 0) return;
    const { nodes, spaces, images, sessions, boundsChanged } = this.#changes.of(mutations);
    for (const node of freed) nodes.add(node);
    for (const session of sessions) this.#sessionChanged(session);
    if (nodes.size + spaces.size + images.size === 0) return;
    for (const node of nodes) this.#wokenNodes.add(node);
    if (boundsChanged || spaces.size + images.size > 0)
      for (const entry of this.#queue.firsts())
        if (boundsChanged || spaces.has(entry.spaceId) || images.has(entry.last.image)) this.#wokenEntries.add(entry);
    this.#changed();
  }

  /** A node connected or left, or reports other conditions or images. */
  nodeChanged(id: NodeId): void {
    if (this.#queue.size === 0) return;
    this.#wokenNodes.add(id);
    // A copy needs the image of its parent, which other nodes can have, once no node has that of the newest build.
    for (const entry of this.#queue.firsts())
      if (entry.sessionId !== undefined && !asksTheSame(entry.need(), entry.last)) this.#wokenEntries.add(entry);
    this.#changed();
  }

  /**
   * A request that resumes or copies it is answered at once, in whatever place, if another one resumed
   * it or it is gone, and looked at again if it needs something else now.
   */
  #sessionChanged({ id, desired }: SessionRow): void {
    for (const entry of this.#queue.ofSession(id)) {
      const isDecided = desired === 'deleted' || (entry.last.hasDisk === true && desired !== 'suspended');
      if (!isDecided && asksTheSame(entry.need(), entry.last)) continue;
      (isDecided ? this.#decided : this.#wokenEntries).add(entry);
      this.#stuck.delete(entry);
      this.#wake();
    }
  }

  /** Tries nothing more: the store is about to close. HTTP ends the requests. */
  close(): void {
    this.#isClosed = true;
  }

  #changed(): void {
    this.#stuck.clear();
    this.#wake();
  }

  #wake(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    this.#deps.clock.soon(() => void this.#run());
  }

  async #run(): Promise<void> {
    for (;;) {
      const entry = this.#next();
      if (entry === undefined) break;
      entry.isTrying = true;
      try {
        const outcome = await entry.attempt();
        entry.isTrying = false;
        if (lacksRoom(outcome)) this.#refused(entry, outcome.need);
        else entry.settle(outcome);
      } catch (error) {
        entry.fail(error);
      }
    }
    this.#wokenNodes = new Set();
    this.#wokenEntries = new Set();
    this.#isRunning = false;
  }

  #refused(entry: Entry, need: Need): void {
    entry.last = need;
    if (entry.signal.aborted) entry.leave();
    else this.#stuck.add(entry);
  }

  /** The one behind it is first now, and can need less. */
  #remove(entry: Entry): void {
    this.#stuck.delete(entry);
    this.#decided.delete(entry);
    this.#wokenEntries.delete(entry);
    const follower = this.#queue.remove(entry);
    if (follower === undefined) return;
    this.#wokenEntries.add(follower);
    this.#wake();
  }

  #next(): Entry | undefined {
    if (this.#queue.size === 0 || this.#isClosed) return undefined;
    for (const entry of this.#decided) {
      this.#decided.delete(entry);
      return entry;
    }
    const { fleet } = this.#deps;
    const nodes = this.#nodes();
    const changed = nodes.filter(({ id }) => this.#wokenNodes.has(id));
    const fits = (entry: Entry) => {
      if (this.#stuck.has(entry)) return false;
      const isWoken = this.#wokenEntries.has(entry);
      // Settings and images can have changed since its last attempt.
      if (isWoken) entry.last = entry.need() ?? entry.last;
      const where = isWoken ? nodes : changed;
      const doesFit = where.some((node) => firstObstacle(node, entry.last, fleet.sizes) === undefined);
      if (!doesFit) this.#stuck.add(entry);
      return doesFit;
    };
    return this.#queue.next(fits, sharesOf(fleet, nodes));
  }

  #nodes(): readonly FleetNode[] {
    return this.#deps.fleet.nodes();
  }

  #refusal(need: Need, hint: string): NoRoom {
    return refusedInQueue(this.#nodes(), need, this.#deps.fleet.sizes, hint);
  }
}
