import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import { type Alarm, raiseNodeAlarm } from '../../domain/commands/node-certificates.ts';
import type { NodeId } from '../../domain/ids.ts';
import type { View } from '../../domain/view.ts';
import type { Applier } from '../applier.ts';

/** The same alarm of the same node is told again after this long, if its cause goes on. */
const REPEAT_MS = 3_600_000;
/** Nodes with an alarm. Only holders of a certificate of this cluster can raise one. */
const MOST_NODES = 1000;

export interface NodeAlarmsNeeds {
  readonly applier: Applier;
  readonly view: View;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * What an operator must know about a node: an event `node.alarm`, a condition of the node, one line at error level, and a counter. A cause
 * that goes on is counted each time and told once an hour.
 */
export class NodeAlarms {
  readonly #needs: NodeAlarmsNeeds;
  readonly #raised: Counter<'type'>;
  readonly #active = new Map<NodeId, Map<string, Alarm & { readonly toldAtMs: number }>>();

  constructor(needs: NodeAlarmsNeeds) {
    this.#needs = needs;
    this.#raised = needs.metrics.counter({ name: 'node_alarms_total', help: 'Alarms about nodes, repeated ones too.', labels: ['type'] });
  }

  raise(id: NodeId, alarm: Alarm): void {
    const { applier, view, clock, log } = this.#needs;
    this.#raised.add(1, { type: alarm.type });
    const ofNode = this.#active.get(id) ?? new Map<string, Alarm & { toldAtMs: number }>();
    const before = ofNode.get(alarm.type);
    const isNews = before === undefined || before.message !== alarm.message || clock.monotonic() - before.toldAtMs >= REPEAT_MS;
    if (!isNews) return;
    if (!this.#active.has(id) && this.#active.size >= MOST_NODES) this.#forgetOldest();
    this.#active.set(id, ofNode);
    ofNode.set(alarm.type, { ...alarm, toldAtMs: clock.monotonic() });
    log.error('node.alarm', { node: view.get('nodes', id)?.name ?? id, type: alarm.type, message: alarm.message });
    // A failure to commit is the applier's to log; the condition stands either way.
    applier.apply(raiseNodeAlarm(id, alarm)).catch(() => undefined);
  }

  /** The node proved itself: what was wrong with it is over. */
  clear(id: NodeId): void {
    this.#active.delete(id);
  }

  conditions(id: NodeId): readonly Alarm[] {
    return [...(this.#active.get(id)?.values() ?? [])].map(({ type, message }) => ({ type, message }));
  }

  #forgetOldest(): void {
    for (const id of this.#active.keys()) {
      this.#active.delete(id);
      return;
    }
  }
}
