import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { type Alarm, CERTIFICATE_REFUSED, raiseNodeAlarm } from '../../domain/nodes/commands/node-certificates.ts';
import type { Applier } from '../engine/applier.ts';

/** A lasting alarm is repeated after this long. */
const REPEAT_MS = 3_600_000;
/** Nodes with an alarm. Only holders of a certificate of this cluster can raise one. */
const MAX_NODES = 1000;

interface ActiveAlarm extends Alarm {
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
    ofNode.set(alarm.type, { ...alarm, toldAtMs: clock.monotonic(), seenAtMs: clock.monotonic() });
    log.error('node.alarm', { node: view.get('nodes', id)?.name ?? id, type: alarm.type, message: alarm.message });
    // The applier logs a failed commit; the condition stands either way.
    applier.apply(raiseNodeAlarm(id, alarm)).catch(() => undefined);
  }

  /** Clears alarms about the node's certificate, which it has just proved. Others stay. */
  clear(id: NodeId): void {
    const ofNode = this.#active.get(id);
    ofNode?.delete(CERTIFICATE_REFUSED);
    if (ofNode?.size === 0) this.#active.delete(id);
  }

  /** Returns the alarms whose cause was seen within the last hour. */
  conditions(id: NodeId): readonly Alarm[] {
    const now = this.#deps.clock.monotonic();
    const ofNode = [...(this.#active.get(id)?.values() ?? [])].filter(({ seenAtMs }) => now - seenAtMs < REPEAT_MS);
    return ofNode.map(({ type, message }) => ({ type, message }));
  }

  #forgetOldest(): void {
    for (const id of this.#active.keys()) {
      this.#active.delete(id);
      return;
    }
  }
}
