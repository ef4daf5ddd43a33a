/** Faults and how long each lasts. A fault at a phase hits the object of the phase. */
import type { Cluster } from './cluster.ts';
import type { Platter } from './disk.ts';
import type { Machine } from './machine.ts';
import type { SeededRandom } from './random.ts';
import type { Place } from './surroundings.ts';

export interface Strike {
  readonly cluster: Cluster;
  readonly random: SeededRandom;
  readonly machine: Machine;
  /** A session on the machine; undefined if there is none. */
  readonly sessionId: string | undefined;
  /** Undoes the fault after a time, or when everything is healed, if that is earlier. */
  readonly until: (delayMs: number, undo: () => void) => void;
}

export type Fault = (strike: Strike) => void;

const HOUR_MS = 3_600_000;

/** Starts on the next turn, since nothing can be closed within the call that reached a phase. */
const soon = ({ cluster }: Strike, work: () => void) => void cluster.time.schedule(0, work);

function crashAgain({ cluster, random, until }: Strike, kill: () => void, start: () => void, maxMs: number): void {
  void cluster;
  kill();
  until(random.mostlySmall(100, maxMs), start);
}

function volume({ machine, sessionId }: Strike): Platter | undefined {
  return sessionId === undefined ? undefined : machine.volumes.get(sessionId);
}

function partition({ machine, random, until }: Strike, maxMs: number): void {
  machine.isCut = true;
  for (const stream of machine.streams) stream.silent(() => random.between(0, 2_000));
  until(random.mostlySmall(200, maxMs), () => {
    machine.isCut = false;
    for (const stream of machine.streams) stream.heard();
  });
}

export const FAULTS = {
  'controller killed': (strike) =>
    crashAgain(
      strike,
      () => strike.cluster.killController(),
      () => strike.cluster.startController(),
      20_000,
    ),
  'controller restarted': (strike) =>
    soon(strike, () => {
      const process = strike.cluster.controller;
      strike.cluster.takesRequests = false;
      process?.life.run(() => {
        void process.core.close().then(() => process === strike.cluster.controller && strike.cluster.killController());
      });
      strike.until(3_000, () => {
        if (process === strike.cluster.controller) strike.cluster.killController();
        strike.cluster.takesRequests = true;
        strike.cluster.startController();
      });
    }),
  'controller stopped': ({ cluster, random, until }) => {
    const life = cluster.controller?.life;
    life?.stop();
    until(random.mostlySmall(100, 60_000), () => life?.resume((work) => cluster.time.schedule(0, work)));
  },
  /** Restores a backup taken now. */
  'controller restored': ({ cluster, random, until }) => {
    const backup = cluster.backUp();
    until(random.mostlySmall(300, 40_000), () => cluster.restore(backup));
  },
  'node killed': (strike) =>
    crashAgain(
      strike,
      () => strike.machine.killAgent(),
      () => strike.machine.startAgent(),
      30_000,
    ),
  'node restarted': (strike) =>
    soon(strike, () => {
      const { machine } = strike;
      const agent = machine.agent;
      agent?.life.run(() => void agent.node?.close().then(() => machine.agent === agent && machine.killAgent()));
      strike.until(3_000, () => {
        if (machine.agent === agent) machine.killAgent();
        machine.startAgent();
      });
    }),
  'node stopped': ({ cluster, machine, random, until }) => {
    const life = machine.agent?.life;
    life?.stop();
    until(random.mostlySmall(100, 60_000), () => life?.resume((work) => cluster.time.schedule(0, work)));
  },
  'container ended': ({ machine, sessionId }) => {
    if (sessionId !== undefined && machine.guests.has(sessionId)) machine.host.end(sessionId);
  },
  'container gone': ({ machine, sessionId }) => {
    if (sessionId !== undefined) machine.host.lose(sessionId);
  },
  'engine restarted': (strike) =>
    crashAgain(
      strike,
      () => strike.machine.stopEngine(strike.random.chance(0.3)),
      () => strike.machine.startEngine(),
      10_000,
    ),
  'power cut': (strike) => {
    const { machine } = strike;
    partition(strike, 20_000);
    machine.cutPower();
    strike.until(strike.random.mostlySmall(500, 20_000), () => {
      machine.startEngine();
      machine.startAgent();
    });
  },
  partition: (strike) => partition(strike, 60_000),
  'connection cut': ({ machine, random }) => {
    for (const stream of machine.streams) stream.cut(() => random.mostlySmall(0, 3_000));
  },
  /** Repeats an earlier frame of a node, from any stream. */
  'frames repeated': ({ machine }) => machine.repeatFrames(),
  'engine slow': ({ machine, random, until }) => {
    machine.trouble.slowMs = random.pick([500, 5_000, 80_000]) ?? 500;
    until(random.between(1_000, 30_000), () => {
      machine.trouble.slowMs = 20;
    });
  },
  'engine hung': ({ machine, random, until }) => {
    machine.hangEngine();
    until(random.pick([2_000, 20_000, 100_000]) ?? 2_000, () => machine.wakeEngine());
  },
  'images pruned': ({ cluster, machine }) => {
    cluster.chronicle.imagesPruned.add(machine.name);
    machine.pruneImages();
  },
  /** In the middle of a batch, and for a while afterwards. */
  'store full': ({ cluster, random, until }) => {
    cluster.roomInStore = random.whole(0, 12);
    until(random.between(1_000, 15_000), () => {
      cluster.roomInStore = Number.POSITIVE_INFINITY;
    });
  },
  'engine failing': ({ machine, random, until }) => {
    machine.trouble.failing = random.between(0.2, 0.9);
    until(random.between(1_000, 20_000), () => {
      machine.trouble.failing = 0;
    });
  },
  'ledger failing': ({ machine, random }) => machine.disk.fail(random.whole(1, 2)),
  'ledger full': ({ machine, random, until }) => {
    machine.disk.fill();
    until(random.between(1_000, 20_000), () => machine.disk.heal());
  },
  'ledger slow': ({ machine, random, until }) => {
    machine.disk.slowMs = random.pick([50, 1_000, 5_000]) ?? 50;
    until(random.between(1_000, 20_000), () => machine.disk.heal());
  },
  'volume failing': (strike) => volume(strike)?.fail(1),
  'volume full': (strike) => {
    const platter = volume(strike);
    if (platter === undefined || strike.sessionId === undefined) return;
    strike.cluster.chronicle.volumesFilled.add(strike.sessionId);
    platter.fill();
    strike.until(strike.random.between(1_000, 20_000), () => platter.heal());
  },
  'volume slow': (strike) => {
    const platter = volume(strike);
    if (platter === undefined) return;
    platter.slowMs = strike.random.pick([50, 1_000, 5_000]) ?? 50;
    strike.until(strike.random.between(1_000, 20_000), () => platter.heal());
  },
  'volume gone': ({ cluster, machine, sessionId }) => {
    if (sessionId === undefined || !machine.host.volumes.has(sessionId)) return;
    cluster.chronicle.volumesLost.add(sessionId);
    machine.host.loseVolume(sessionId);
  },
  'bus down': ({ cluster, random, until }) => {
    cluster.broker.set(false);
    until(random.mostlySmall(500, 30_000), () => cluster.broker.set(true));
  },
  'clock jump': ({ cluster, machine, random }) => {
    const wall = random.pick([cluster.wall, machine.wall]) ?? cluster.wall;
    wall.skewMs += random.between(-1, 1) * (random.pick([1_000, 60_000, HOUR_MS, 100 * HOUR_MS, 1_000 * HOUR_MS]) ?? 1_000);
  },
} satisfies Readonly<Record<string, Fault>>;
export type FaultName = keyof typeof FAULTS;

/** Returns the target of a fault: the object of the phase, else any. */
export function target(
  cluster: Cluster,
  random: SeededRandom,
  place: Omit<Place, 'life'> | undefined,
): Pick<Strike, 'machine' | 'sessionId'> | undefined {
  const named = cluster.machines.find(({ name }) => name === place?.machine);
  const machine = named ?? random.pick(cluster.machines);
  if (machine === undefined) return undefined;
  return { machine, sessionId: place?.sessionId ?? random.pick([...machine.host.volumes.keys()]) };
}
