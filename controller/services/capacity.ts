import type { Fleet, FleetNode } from '../domain/fleet.ts';
import type { NodeId } from '../domain/ids.ts';
import { occupiesRoom } from '../domain/life-cycle.ts';
import type { SessionRow } from '../domain/rows.ts';

/** A node as it is known from its stream, without what is placed on it. */
export type KnownNode = Omit<FleetNode, 'requested' | 'sessions'>;

interface Use {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly sessions: number;
}

const NONE: Use = { cpuMillis: 0, memoryBytes: 0, sessions: 0 };

const add = (use: Use, session: SessionRow, sign: 1 | -1): Use => ({
  cpuMillis: use.cpuMillis + sign * session.requests.cpuMillis,
  memoryBytes: use.memoryBytes + sign * session.requests.memoryBytes,
  sessions: use.sessions + sign,
});

/**
 * What the sessions of each node take up: a fold over the session rows, held in memory. Changes of a batch are kept in
 * an overlay, which a failing command or a failing COMMIT drops.
 *
 * Invariant: with no overlay, the use of a node is the sum of the requests of its rows that occupy room.
 */
export class Capacity implements Fleet {
  readonly #known: () => readonly KnownNode[];
  readonly #committed = new Map<NodeId, Use>();
  /** One layer for the batch, one for the command in work. */
  #layers: Map<NodeId, Use>[] = [];

  constructor(known: () => readonly KnownNode[], sessions: Iterable<SessionRow>) {
    this.#known = known;
    for (const session of sessions) this.change(undefined, session);
  }

  nodes(): readonly FleetNode[] {
    return this.#known().map((node) => {
      const { cpuMillis, memoryBytes, sessions } = this.#use(node.id);
      return { ...node, requested: { cpuMillis, memoryBytes }, sessions };
    });
  }

  /** Accounts for a session row that became another (undefined: not there). */
  change(before: SessionRow | undefined, after: SessionRow | undefined): void {
    if (before?.nodeId && occupiesRoom(before)) this.#set(before.nodeId, add(this.#use(before.nodeId), before, -1));
    if (after?.nodeId && occupiesRoom(after)) this.#set(after.nodeId, add(this.#use(after.nodeId), after, 1));
  }

  begin(): void {
    this.#layers.push(new Map());
  }

  /** Folds the newest layer into the one below it, or into what is committed. */
  keep(): void {
    const layer = this.#layers.pop();
    for (const [node, use] of layer ?? []) this.#set(node, use);
  }

  drop(): void {
    this.#layers.pop();
  }

  #use(node: NodeId): Use {
    for (let at = this.#layers.length - 1; at >= 0; at -= 1) {
      const use = this.#layers[at]?.get(node);
      if (use !== undefined) return use;
    }
    return this.#committed.get(node) ?? NONE;
  }

  #set(node: NodeId, use: Use): void {
    (this.#layers.at(-1) ?? this.#committed).set(node, use);
  }
}
