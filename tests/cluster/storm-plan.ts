import type { SeededRandom } from '../simulation/world/random.ts';

export type ProcessName = 'controller' | 'node-1' | 'node-2' | 'nats';

/** A fault of processes on the machine. */
export type ProcessStrike =
  | { readonly kind: 'kill'; readonly victims: readonly ProcessName[]; readonly isAimed: boolean }
  | { readonly kind: 'stop'; readonly victim: ProcessName; readonly forMs: number }
  /** Stops a node agent until its node is unreachable. */
  | { readonly kind: 'stop past the lease'; readonly victim: 'node-1' | 'node-2' };

/** A fault of a session's container. An aimed kill waits for a run. */
export type GuestStrike =
  | { readonly kind: 'kill'; readonly session: string; readonly isAimed: boolean }
  | { readonly kind: 'stop'; readonly session: string; readonly forMs: number };

export interface StormPlan {
  readonly processes: readonly ProcessStrike[];
  /** In sequences that have no session in common. */
  readonly guests: readonly (readonly GuestStrike[])[];
}

/** One more within ten minutes would rightly fail the session. */
const MAX_ENDS = 4;
const AIMED = 0.8;
const PAIRED = 0.7;

/**
 * 18 kills of processes, many in pairs, and 16 of containers. Each kind of process is also stopped
 * for longer than a heartbeat.
 */
export function planStorm(random: SeededRandom, sessions: readonly string[]): StormPlan {
  const killed = shuffled(random, [...times('controller', 7), ...times('node-1', 4), ...times('node-2', 4), ...times('nats', 3)]);
  const kills: ProcessStrike[] = [];
  for (let name = killed.pop(); name !== undefined; name = killed.pop()) {
    const other = killed.at(-1);
    const isPair = other !== undefined && other !== name && random.chance(PAIRED);
    if (isPair) killed.pop();
    kills.push({ kind: 'kill', victims: isPair ? [name, other] : [name], isAimed: random.chance(AIMED) });
  }
  const stop = (victim: ProcessName, least: number, most: number): ProcessStrike => ({
    ...{ kind: 'stop', victim, forMs: random.whole(least, most) },
  });
  const stops: ProcessStrike[] = [
    ...[stop('controller', 3_500, 5_000), stop('nats', 3_500, 4_500)],
    ...[stop('node-1', 3_500, 5_000), stop('node-2', 3_500, 5_000)],
    { kind: 'stop past the lease', victim: random.chance(0.5) ? 'node-1' : 'node-2' },
  ];
  const ends = shuffled(
    random,
    sessions.flatMap((session) => times(session, MAX_ENDS)),
  ).slice(0, 16);
  const guests: GuestStrike[] = ends.map((session) => ({ kind: 'kill', session, isAimed: random.chance(AIMED) }));
  for (let at = 0; at < 4; at += 1) {
    guests.push({ kind: 'stop', session: random.pick(sessions) ?? '', forMs: random.whole(500, 5_000) });
  }
  const isEven = ({ session }: GuestStrike) => sessions.indexOf(session) % 2 === 0;
  const mixed = shuffled(random, guests);
  return {
    processes: shuffled(random, [...kills, ...stops]),
    guests: [mixed.filter(isEven), mixed.filter((strike) => !isEven(strike))],
  };
}

const times = <const T>(item: T, count: number): T[] => Array.from({ length: count }, () => item);

function shuffled<T>(random: SeededRandom, items: readonly T[]): T[] {
  const drawn = items.map((item) => ({ item, at: random.fraction() }));
  return drawn.sort((a, b) => a.at - b.at).map(({ item }) => item);
}
