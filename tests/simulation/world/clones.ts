import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import { IDENTITY_CONTESTED } from '../../../controller/domain/nodes/commands/node-certificates.ts';
import type { Cluster } from './cluster.ts';
import type { Machine } from './machine.ts';
import type { SeededRandom } from './random.ts';

const WITHIN_MS = 50_000;
const LOOK_MS = 1_000;
/** More than a back-off, a heartbeat and a claim need when nothing else goes wrong. */
const ALARMED_WITHIN_MS = 25_000;

interface Clone {
  readonly real: Machine;
  readonly copy: Machine;
  /** Both processes and the controller as they have been since then. */
  calm: { readonly sinceMs: number; readonly of: readonly unknown[] };
}

/**
 * Copies of a machine's data directory, started on another machine, in some runs, beside the real
 * node or while it is away. The controller tells a copy nothing, an operator is told of both, and
 * the node is ready by itself once the copy is gone. A node that is given up can move to another
 * machine, so a copy ends then.
 */
export class Clones {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  #clone: Clone | undefined;
  /** Copies of nodes that were given up: the controller can take what they sent before for a move. */
  readonly #free = new Set<Machine>();
  #count = 0;
  #isHealed = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#random = cluster.random.fork('clones');
    if (!this.#random.chance(0.3)) return;
    for (let left = this.#random.whole(1, 2); left > 0; left -= 1)
      cluster.time.schedule(this.#random.between(2_000, WITHIN_MS), () => this.#begin());
  }

  committed(mutations: readonly Mutation[]): void {
    const real = this.#clone?.real;
    for (const mutation of mutations)
      if (mutation.kind === 'put' && mutation.table === 'nodes' && mutation.row.id === real?.id && mutation.row.lostAt !== null)
        this.#giveUp();
  }

  /** The restored store can be of a time at which nobody knew the machine. */
  restored(): void {
    if (this.#clone !== undefined && !this.#isKnown(this.#clone.real)) this.#giveUp();
  }

  /** The controller sent something to a copy. */
  told(copy: Machine, kind: string): void {
    if (this.#free.has(copy)) return;
    this.#cluster.violation(`the copy of ${copy.name} at ${copy.address} was sent ${kind}`);
  }

  /** No copy begins any more. */
  heal(): void {
    this.#isHealed = true;
    this.#end();
    for (const machine of this.#cluster.machines) machine.startAgent();
  }

  close(): void {
    this.#clone?.copy.retire();
    this.#clone = undefined;
  }

  #begin(): void {
    const { machines, time, trace } = this.#cluster;
    const real = this.#random.pick(machines);
    if (this.#isHealed || this.#clone !== undefined || real === undefined || !this.#isKnown(real)) return;
    this.#count += 1;
    const copy = real.copied(`10.0.1.${this.#count}`);
    const clone: Clone = { real, copy, calm: { sinceMs: time.now, of: [] } };
    this.#clone = clone;
    trace.note('FAULT', `${real.name} is copied to ${copy.address}`);
    if (this.#random.chance(0.5)) {
      real.killAgent();
      time.schedule(this.#random.between(1_000, 60_000), () => real.startAgent());
    }
    copy.startAgent();
    this.#look(clone);
    time.schedule(this.#random.between(10_000, 60_000), () => this.#clone === clone && this.#end());
  }

  #giveUp(): void {
    if (this.#clone !== undefined) this.#free.add(this.#clone.copy);
    this.#end();
  }

  #end(): void {
    const clone = this.#clone;
    if (clone === undefined) return;
    this.#clone = undefined;
    const { real, copy } = clone;
    const { trace, violation } = this.#cluster;
    copy.retire();
    trace.note('FAULT', `the copy of ${real.name} is gone`);
    for (const what of ['containers', 'volumes'] as const)
      if (copy.host[what].size > 0) violation(`the copy of ${real.name} has ${[...copy.host[what].keys()].join(', ')}`);
  }

  /** Whether the controller knows on which machine the node runs, and has not given it up. */
  #isKnown({ name }: Machine): boolean {
    const row = this.#cluster.view.nodeByName(name);
    return row !== undefined && row.machine !== null && row.lostAt === null && row.revokedAt === null;
  }

  /** An alarm names both, if both and the controller were up for long enough. */
  #look(clone: Clone): void {
    if (this.#clone !== clone) return;
    const { real, copy } = clone;
    const { time, controller, violation } = this.#cluster;
    const row = this.#cluster.view.nodeByName(real.name);
    const lives = [controller?.life, real.agent?.life, copy.agent?.life];
    const isQuiet = lives.every((life) => life !== undefined && !life.isStopped) && !real.isCut && row !== undefined;
    const of = [...lives, isQuiet && controller?.core.fleet.stream(row.id)];
    if (!isQuiet || of.some((one, at) => one === undefined || one !== clone.calm.of[at])) clone.calm = { sinceMs: time.now, of };
    if (time.now - clone.calm.sinceMs >= ALARMED_WITHIN_MS && row !== undefined) {
      const alarms = controller?.core.alarms.conditions(row.id) ?? [];
      const isNamed = ({ type, message }: { type: string; message: string }) =>
        type === IDENTITY_CONTESTED && [real.address, copy.address].every((address) => message.includes(address));
      if (!alarms.some(isNamed)) return violation(`no alarm says that ${real.name} runs at ${real.address} and ${copy.address}`);
    }
    time.schedule(LOOK_MS, () => this.#look(clone));
  }
}
