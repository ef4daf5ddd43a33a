import { pause } from '../../seams/clock.ts';
import { systemClock } from '../../seams/system.ts';
import type { Target } from './controller.ts';
import type { RubbishNode } from './rubbish-node.ts';

/** What the accounts and the node of the attackers have. */
export interface Arms {
  readonly target: Target;
  readonly outsiderToken: string;
  readonly developerToken: string;
  readonly session: string;
  readonly agent: string;
  readonly node: RubbishNode;
  /** Of each kind of connections. */
  readonly connections: number;
  /** Only the attacks whose names hold this word. */
  readonly only: string;
}

/** Counts what was tried, by how it ended. */
export type Tally = Map<string, number>;

export interface Attack {
  readonly name: string;
  /** How many do it at once. */
  readonly many: 'connections' | number;
  /** Once: it is done again until the flood is over. */
  once(arms: Arms, index: number, signal: AbortSignal): Promise<string>;
}

/** A stranger's address: each has one of its own. */
export const addressOf = (index: number): string => `127.0.1.${1 + (index % 250)}`;

/** A moment before the next attempt of the same attacker: a real one needs a trip over the network. */
const TRIP_MS = 20;

/** Does them all until `signal` aborts. */
export async function flood(attacks: readonly Attack[], arms: Arms, signal: AbortSignal): Promise<Record<string, Record<string, number>>> {
  const tallies = new Map<string, Tally>();
  // What hangs when the flood is over is left behind: its connections are cut.
  const over = new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('held until the end'), { once: true }));
  const attackers = attacks.flatMap((attack) => {
    const tally: Tally = new Map();
    tallies.set(attack.name, tally);
    const many = attack.many === 'connections' ? arms.connections : attack.many;
    return Array.from({ length: many }, (_, index) => attackAgain(attack, arms, index, { tally, signal, over }));
  });
  await Promise.all(attackers);
  return Object.fromEntries([...tallies].map(([name, tally]) => [name, Object.fromEntries(tally)]));
}

interface Flood {
  readonly tally: Tally;
  readonly signal: AbortSignal;
  readonly over: Promise<string>;
}

async function attackAgain(attack: Attack, arms: Arms, index: number, { tally, signal, over }: Flood): Promise<void> {
  while (!signal.aborted) {
    const how = await Promise.race([attack.once(arms, index, signal).catch((error: unknown) => `failed: ${codeOf(error)}`), over]);
    tally.set(how, (tally.get(how) ?? 0) + 1);
    await pause(systemClock, TRIP_MS, signal);
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
