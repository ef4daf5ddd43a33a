import type { Rack } from '../rack.ts';
import { freezeEngine, killContainerd, killEngine, restartEngine, stopEngine, wipeEngine } from './engines.ts';
import { fillHead, killBus, loseBus, loseRegistry, restartController, stopController } from './head.ts';
import { drain, fillDisk, killAgent, killInside, reboot, stopAgent } from './hosts.ts';
import type { Strike } from './strike.ts';
import { downgrade, upgradeUnit } from './upgrades.ts';
import { cut, cutHead, delay, lose, slow } from './wires.ts';

const CONTROLLER_RESTARTS = 10;

/**
 * Each process is killed, each host is cut off in each direction, each Docker fares worse than the
 * one before, and node agents change their release.
 */
export function allStrikes(rack: Rack, engineAwayMs: number, previousRelease: string | undefined): readonly Strike[] {
  const { all } = rack;
  const [first, second, third] = all;
  if (first === undefined || second === undefined || third === undefined) throw new Error('the strikes are for three hosts');
  const controllers = Array.from({ length: CONTROLLER_RESTARTS }, (_, index) =>
    restartController(rack, index % 2 === 0 ? 'SIGKILL' : 'SIGTERM'),
  );
  const lines: readonly (readonly Strike[])[] = [
    controllers,
    all.map((host) => killAgent(host)),
    [...all.map((host) => killEngine(host)), killContainerd(third)],
    all.flatMap((host) => [killInside(host, 'guest.mjs'), killInside(host, 'worker.py')]),
    [
      ...all.flatMap((host) => [cut(rack, host, 'in'), cut(rack, host, 'out'), cut(rack, host, 'in', 'out')]),
      cutHead(rack, 'in'),
      cutHead(rack, 'out'),
      cutHead(rack, 'in', 'out'),
    ],
    [restartEngine(first), stopEngine(second, engineAwayMs), wipeEngine(third), reboot(first), freezeEngine(second)],
    [killBus(rack), loseBus(rack), loseRegistry(rack)],
    [stopAgent(second), stopController(rack), drain(rack, third), fillDisk(rack, first), fillHead(rack)],
    [delay(rack, second), lose(third), slow(first)],
    [...(previousRelease === undefined ? [] : [downgrade(rack, first, previousRelease)]), upgradeUnit(rack, second)],
  ];
  return dealt(lines);
}

/** One of each line after another, until all are through. */
function dealt<T>(lines: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(...lines.map((line) => line.length));
  return Array.from({ length: longest }, (_, at) => lines.flatMap((line) => line.slice(at, at + 1))).flat();
}
