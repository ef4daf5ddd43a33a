import type { Clock, Timer } from '../../../seams/clock.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { identityAlarm, machineAlarm } from '../../domain/nodes/commands/node-certificates.ts';
import type { LeaseTimes } from '../nodes/lease.ts';
import type { NodeAlarms } from '../nodes/node-alarms.ts';

/**
 * A heartbeat that arrives this long after a claim proves that the other process lives. What a
 * dead one had sent before arrives earlier.
 */
const PROOF_MS = 1_000;

/** A stream whose hello was accepted, as far as the fence knows it. */
export interface Claimant {
  readonly nodeId: NodeId;
  readonly name: string;
  /** Number of the process's start. */
  readonly boot: number;
  readonly incarnation: number;
  /** Its host, without the port; undefined on links without addresses. */
  readonly host: string | undefined;
  /** Fingerprint of its hardware; '' when unknown. */
  readonly machine: string;
  readonly lease: { leftMs(): number };
  reject(reason: string): void;
}

interface Place {
  readonly host: string | null | undefined;
  readonly machine: string | null;
}

/** The process that had a node's stream last. */
interface Holder extends Place {
  readonly boot: number;
  /** On the monotonic clock. */
  readonly untilMs: number;
}

interface Claim {
  readonly stream: Claimant;
  readonly atMs: number;
  readonly proceed: () => void;
  readonly timer: Timer | undefined;
}

export interface IdentityFenceDeps {
  readonly clock: Clock;
  readonly lease: LeaseTimes;
  readonly alarms?: Pick<NodeAlarms, 'raise'> | undefined;
  /** From the store: the last process that was live before this controller started. */
  lastKnown(id: NodeId): (Place & { readonly boot: number; readonly isLost: boolean }) | undefined;
}

/**
 * Keeps two processes with one identity apart, such as a node and a copy of its data directory.
 * 1. A process that reconnects from the same host replaces its own older stream at once, unless it
 *    did so within a lease: two copies of a running machine would replace each other for ever.
 * 2. Another process waits. If the connected one sends a heartbeat, it lives: the new one is
 *    refused, with an alarm that names both. Otherwise its stream ends, at the latest with its
 *    lease, and the new one takes its place.
 * 3. For the rest of a lease after a stream ended, only a process on the same host or machine takes
 *    the place: a node that restarts finds it free.
 * 4. After that, a process on another machine is refused with an alarm until the node is lost: it
 *    can be a copy, and its report that it lacks sessions would end them. An operator can declare
 *    the node lost at any time.
 */
export class IdentityFence {
  readonly #deps: IdentityFenceDeps;
  readonly #startedAtMs: number;
  /** The newest waiting claim of each node. */
  readonly #claims = new Map<NodeId, Claim>();
  readonly #last = new Map<NodeId, Holder>();
  /** When a process last replaced its own stream. */
  readonly #replacedAtMs = new Map<NodeId, number>();

  constructor(deps: IdentityFenceDeps) {
    this.#deps = deps;
    this.#startedAtMs = deps.clock.monotonic();
  }

  /** Calls `proceed` once the stream can take its node's place, perhaps at once, or rejects it. */
  claim(stream: Claimant, holder: Claimant | undefined, proceed: () => void): void {
    if (holder !== undefined) {
      // A node that joined again has the newer identity.
      if (stream.incarnation > holder.incarnation || this.#replacesItself(stream, holder)) return proceed();
      return this.#wait(stream, proceed, undefined);
    }
    const waitMs = this.#fencedMs(stream);
    if (waitMs > 0) return this.#wait(stream, proceed, waitMs);
    const last = this.#otherMachine(stream);
    if (last === undefined) return proceed();
    const alarm = machineAlarm(stream.name, last.host ?? undefined, stream.host);
    this.#deps.alarms?.raise(stream.nodeId, alarm);
    stream.reject(alarm.message);
  }

  #replacesItself(stream: Claimant, holder: Claimant): boolean {
    if (!isSameProcess(stream, holder)) return false;
    const { clock, lease } = this.#deps;
    const beforeMs = this.#replacedAtMs.get(stream.nodeId) ?? Number.NEGATIVE_INFINITY;
    const isAgain = clock.monotonic() - beforeMs < lease.leaseMs;
    this.#replacedAtMs.set(stream.nodeId, clock.monotonic());
    return stream.host === holder.host && !isAgain;
  }

  /** Returns the machine that had the place, if this one is another, as far as both are known. */
  #otherMachine(stream: Claimant): Place | undefined {
    const last = this.#deps.lastKnown(stream.nodeId);
    if (last === undefined || last.isLost || !last.machine || stream.machine === '' || isSamePlace(stream, last)) return undefined;
    return last;
  }

  /** The connected process of a node sent a heartbeat. */
  heard(holder: Claimant): void {
    const claim = this.#claims.get(holder.nodeId);
    if (claim === undefined || claim.stream === holder || this.#deps.clock.monotonic() - claim.atMs < PROOF_MS) return;
    this.#forget(claim);
    const alarm = identityAlarm(holder.name, holder.host, claim.stream.host);
    this.#deps.alarms?.raise(holder.nodeId, alarm);
    claim.stream.reject(alarm.message);
  }

  /** A stream took its node's place. */
  taken({ nodeId }: Claimant): void {
    this.#last.delete(nodeId);
    // From now on its heartbeats decide.
    this.#claims.get(nodeId)?.timer?.cancel();
  }

  /** A waiting stream ended. */
  left(stream: Claimant): void {
    const claim = this.#claims.get(stream.nodeId);
    if (claim?.stream === stream) this.#forget(claim);
  }

  /** The stream that had its node's place ended. */
  freed({ nodeId, boot, host, machine, lease }: Claimant): void {
    this.#forgetOld();
    this.#last.set(nodeId, { boot, host, machine, untilMs: this.#deps.clock.monotonic() + lease.leftMs() });
    const claim = this.#claims.get(nodeId);
    if (claim === undefined) return;
    this.#forget(claim);
    this.claim(claim.stream, undefined, claim.proceed);
  }

  /** Number of nodes of which something is remembered besides claims. */
  get remembered(): number {
    return new Set([...this.#last.keys(), ...this.#replacedAtMs.keys()]).size;
  }

  /** Nodes that were removed never come back. A lease after its end, a place is anybody's. */
  #forgetOld(): void {
    const { clock, lease } = this.#deps;
    const before = clock.monotonic() - lease.leaseMs;
    for (const [nodeId, { untilMs }] of this.#last) if (untilMs < before) this.#last.delete(nodeId);
    for (const [nodeId, atMs] of this.#replacedAtMs) if (atMs < before) this.#replacedAtMs.delete(nodeId);
  }

  close(): void {
    for (const { timer } of this.#claims.values()) timer?.cancel();
    this.#claims.clear();
  }

  /** Returns for how long the place is kept for the process that had it. */
  #fencedMs(stream: Claimant): number {
    const last = this.#last.get(stream.nodeId) ?? this.#beforeStart(stream.nodeId);
    if (last?.host == null || stream.host === undefined || isSamePlace(stream, last)) return 0;
    return last.untilMs - this.#deps.clock.monotonic();
  }

  #beforeStart(id: NodeId): Holder | undefined {
    const known = this.#deps.lastKnown(id);
    return known && { ...known, untilMs: this.#startedAtMs + this.#deps.lease.leaseMs };
  }

  #wait(stream: Claimant, proceed: () => void, forMs: number | undefined): void {
    const older = this.#claims.get(stream.nodeId);
    if (older !== undefined) {
      this.#forget(older);
      older.stream.reject('another process with the identity of this node connected after this one');
    }
    const { clock } = this.#deps;
    const free = () => {
      if (this.#claims.get(stream.nodeId)?.stream !== stream) return;
      this.#claims.delete(stream.nodeId);
      this.claim(stream, undefined, proceed);
    };
    const timer = forMs === undefined ? undefined : clock.after(forMs, free);
    this.#claims.set(stream.nodeId, { stream, atMs: clock.monotonic(), proceed, timer });
  }

  #forget(claim: Claim): void {
    claim.timer?.cancel();
    if (this.#claims.get(claim.stream.nodeId) === claim) this.#claims.delete(claim.stream.nodeId);
  }
}

const isSamePlace = (one: Place, other: Place): boolean => one.host === other.host || (one.machine !== '' && one.machine === other.machine);

const isSameProcess = (one: Claimant, other: Claimant): boolean => one.boot === other.boot && one.incarnation === other.incarnation;

/** Returns the host of "10.0.0.2:4711" or "[::1]:4711". */
export const hostOf = (address: string | undefined): string | undefined => address?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
