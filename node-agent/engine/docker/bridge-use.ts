import { readdir } from 'node:fs/promises';
import type { Conditions } from '../../conditions.ts';

export interface BridgeUseDeps {
  readonly bridge: string;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  /** Returns the number of interfaces connected to a bridge. */
  readonly ports?: (bridge: string) => Promise<number>;
}

/**
 * Raises a condition when the sessions' bridge is full. Other node agents and containers also use
 * it.
 */
export class BridgeUse {
  readonly #deps: BridgeUseDeps;
  #room = 0;

  constructor(deps: BridgeUseDeps) {
    this.#deps = deps;
  }

  /** The maximum of the network. */
  set room(room: number) {
    this.#room = room;
  }

  async look(): Promise<void> {
    const { bridge, conditions, ports = portsOf } = this.#deps;
    if (this.#room === 0) return;
    const carried = await ports(bridge);
    if (carried < this.#room) return conditions.clear('NetworkFull');
    conditions.raise({
      type: 'NetworkFull',
      message: `The bridge ${bridge} has no room for another session: it connects ${this.#room} containers, including those of other node agents on this host. Suspend or delete sessions, or add a node.`,
      unschedulable: true,
    });
  }
}

/** Returns 0 if there is no such bridge. */
async function portsOf(bridge: string): Promise<number> {
  const ports = await readdir(`/sys/class/net/${bridge}/brif`).catch(() => []);
  return ports.length;
}
