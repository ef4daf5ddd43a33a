import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import {
  type Alarm,
  CERTIFICATE_REFUSED,
  IDENTITY_CONTESTED,
  raiseNodeAlarm,
  VERSION_SKEW,
} from '../../domain/nodes/commands/node-certificates.ts';
import type { Applier } from '../engine/applier.ts';

/** A lasting alarm is repeated after this long. */
const REPEAT_MS = 3_600_000;
/** Processes that are refused for their identity or version retry within this. */
const RETRIED_MS = 2 * 60_000;
const RETRIED: ReadonlySet<string> = new Set([IDENTITY_CONTESTED, VERSION_SKEW]);
/** Nodes with an alarm. Only holders of a certificate of this cluster can raise one. */
const MAX_NODES = 1000;

interface ActiveAlarm extends Alarm {
  /** As rows have times. */
  readonly since: number;
  readonly toldAtMs: number;
  readonly seenAtMs: number;
}

export interface NodeAlarmsDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Reports node problems to the operator: an event `node.alarm`, a condition of the node, a line at
 * error level, and a counter. A lasting cause is counted each time and reported once an hour.
 */
export class NodeAlarms {
  readonly #deps: NodeAlarmsDeps;
  readonly #raised: Counter<'type'>;
  readonly #active = new Map<NodeId, Map<string, ActiveAlarm>>();

  constructor(deps: NodeAlarmsDeps) {
    this.#deps = deps;
    this.#raised = deps.metrics.counter({ name: 'node_alarms_total', help: 'Node alarms, including repeated ones.', labels: ['type'] });
  }

  raise(id: NodeId, alarm: Alarm): void {
    const { applier, view, clock, log } = this.#deps;
    this.#raised.add(1, { type: alarm.type });
    const ofNode = this.#active.get(id) ?? new Map<string, ActiveAlarm>();
    const before = ofNode.get(alarm.type);
    const isNews = before === undefined || before.message !== alarm.message || clock.monotonic() - before.toldAtMs >= REPEAT_MS;
    if (!isNews) return void ofNode.set(alarm.type, { ...before, seenAtMs: clock.monotonic() });
    if (!this.#active.has(id) && this.#active.size >= MAX_NODES) this.#forgetOldest();
    this.#active.set(id, ofNode);
    const since = before !== undefined && isSeen(before, clock.monotonic()) ? before.since : applier.time.now();
    ofNode.set(alarm.type, { ...alarm, since, toldAtMs: clock.monotonic(), seenAtMs: clock.monotonic() });
    log.error('node.alarm', { node: view.get('nodes', id)?.name ?? id, type: alarm.type, message: alarm.message });
    // The applier logs a failed commit; the condition stands either way.
    applier.apply(raiseNodeAlarm(id, alarm)).catch(() => undefined);
  }

  /** Clears alarms about the certificate and protocol of a node that was accepted. Others stay. */
  clear(id: NodeId): void {
    const ofNode = this.#active.get(id);
    for (const type of [CERTIFICATE_REFUSED, VERSION_SKEW]) ofNode?.delete(type);
    if (ofNode?.size === 0) this.#active.delete(id);
  }

  /** Returns the alarms whose cause lasts, as far as it was seen lately. */
  conditions(id: NodeId): readonly (Alarm & { readonly since: number })[] {
    const now = this.#deps.clock.monotonic();
    const ofNode = [...(this.#active.get(id)?.values() ?? [])].filter((alarm) => isSeen(alarm, now));
    return ofNode.map(({ type, message, since }) => ({ type, message, since }));
  }

  #forgetOldest(): void {
    for (const id of this.#active.keys()) {
      this.#active.delete(id);
      return;
    }
  }
}

const isSeen = ({ type, seenAtMs }: ActiveAlarm, nowMs: number): boolean => nowMs - seenAtMs < (RETRIED.has(type) ? RETRIED_MS : REPEAT_MS);
