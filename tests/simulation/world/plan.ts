import type { Cluster } from './cluster.ts';
import { FAULTS, type FaultName, target } from './faults.ts';
import { never } from './life.ts';
import { PHASES, type Phase } from './phases.ts';
import type { SeededRandom } from './random.ts';
import type { Place } from './surroundings.ts';

/** Weights of the faults. */
const WEIGHTS: Readonly<Record<FaultName, number>> = {
  'controller killed': 10,
  'controller restarted': 2,
  'controller stopped': 4,
  'controller restored': 2,
  'node killed': 10,
  'node restarted': 3,
  'node stopped': 4,
  'container ended': 10,
  'container gone': 3,
  'engine restarted': 4,
  'power cut': 5,
  partition: 6,
  'connection cut': 6,
  'frames repeated': 6,
  'engine slow': 4,
  'engine hung': 4,
  'images pruned': 3,
  'store full': 4,
  'engine failing': 5,
  'ledger failing': 3,
  'ledger full': 2,
  'ledger slow': 3,
  'volume failing': 3,
  'volume full': 3,
  'volume slow': 3,
  'volume gone': 1,
  'bus down': 3,
  'clock jump': 8,
};

/** A fault that waits longer than this for its phase strikes anyway. */
const PATIENCE_MS = 15_000;
const SPREAD_MS = 60_000;
const STEERED_PATIENCE_MS = 40_000;

interface Armed {
  readonly fault: FaultName;
  readonly phase: Phase;
}

/** The faults of one run: some strike at a time, most when a phase is next reached. */
export class Plan {
  /** Faults that struck, with their phase; "any time" if they struck at a time. */
  readonly struck: { readonly fault: FaultName; readonly phase: Phase | 'any time' }[] = [];
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  #armed: Armed[] = [];
  readonly #undoing = new Set<() => void>();
  #count = 0;
  #over = false;

  /**
   * `turn`: over enough consecutive runs, every pair of phase and fault gets its turn, however
   * rare.
   */
  constructor(cluster: Cluster, count: number, turn: number) {
    this.#cluster = cluster;
    this.#random = cluster.random.fork('faults');
    cluster.onPhase = (phase, place) => this.#reached(phase, place);
    const faults = Object.keys(WEIGHTS) as FaultName[];
    if (count > 0) this.#schedule(faults[turn % faults.length], PHASES[Math.floor(turn / faults.length) % PHASES.length]);
    for (let at = 1; at < count; at += 1) this.#schedule();
  }

  get isDone(): boolean {
    return this.#over || this.struck.length >= this.#count;
  }

  #schedule(steeredFault?: FaultName, steeredPhase?: Phase): void {
    this.#count += 1;
    const { time } = this.#cluster;
    const fault = steeredFault ?? this.#random.weighted(WEIGHTS);
    const phase = steeredPhase ?? (this.#random.chance(0.7) ? this.#random.pick(PHASES) : undefined);
    const [spreadMs, patienceMs] = steeredPhase === undefined ? [SPREAD_MS, PATIENCE_MS] : [SPREAD_MS / 3, STEERED_PATIENCE_MS];
    time.schedule(this.#random.between(500, spreadMs), () => {
      if (this.#over) return;
      if (phase === undefined) return this.#strike(fault, 'any time', undefined);
      const armed: Armed = { fault, phase };
      this.#armed.push(armed);
      time.schedule(patienceMs, () => {
        if (this.#over || !this.#armed.includes(armed)) return;
        this.#armed = this.#armed.filter((one) => one !== armed);
        this.#strike(fault, 'any time', undefined);
      });
    });
  }

  /** One more fault, now, at this object. */
  strikeAt(fault: FaultName, machine: string, sessionId: string): void {
    if (this.#over) return;
    this.#count += 1;
    this.#strike(fault, 'any time', { machine, sessionId });
  }

  /** Heals everything. No fault strikes any more. */
  heal(): void {
    this.#cluster.trace.note('FAULT', 'all is healed');
    this.#over = true;
    this.#armed = [];
    for (const undo of [...this.#undoing]) undo();
    for (const { disk, volumes } of this.#cluster.machines) for (const platter of [disk, ...volumes.values()]) platter.heal();
  }

  #reached(phase: Phase, place: Place): Promise<void> | undefined {
    if (place.life.isDead) return never();
    const armed = this.#armed.find((one) => one.phase === phase);
    if (armed === undefined) return undefined;
    this.#armed = this.#armed.filter((one) => one !== armed);
    this.#strike(armed.fault, phase, place);
    return place.life.isDead ? never() : undefined;
  }

  #strike(fault: FaultName, phase: Phase | 'any time', place: Omit<Place, 'life'> | undefined): void {
    const aim = target(this.#cluster, this.#random, place);
    if (aim === undefined) return;
    this.struck.push({ fault, phase });
    this.#cluster.trace.note('FAULT', `${fault} at ${phase}, ${aim.machine.name}, ${aim.sessionId ?? 'no session'}`);
    FAULTS[fault]({
      ...{ cluster: this.#cluster, random: this.#random, ...aim },
      until: (delayMs, undo) => {
        const once = () => {
          if (!this.#undoing.delete(once)) return;
          this.#cluster.trace.note('FAULT', `${fault} is over`);
          undo();
        };
        this.#undoing.add(once);
        this.#cluster.time.schedule(delayMs, once);
      },
    });
  }
}
