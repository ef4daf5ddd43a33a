import { readdir, readlink } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as elapsed } from 'node:timers/promises';
import type { SeededRandom } from '../simulation/world/random.ts';
import { docker } from './docker.ts';
import { Follower } from './follow.ts';
import type { Cluster } from './harness.ts';
import type { Child } from './processes.ts';
import type { RunRecords } from './storm-agent.ts';
import type { GuestStrike, ProcessName, ProcessStrike, StormPlan } from './storm-plan.ts';
import type { Traffic } from './storm-traffic.ts';

const COMES_WITHIN_MS = 60_000;

/** Times of the wall clock, which the store also uses. */
export interface Kill {
  readonly victim: ProcessName | 'container';
  /** Of the container. */
  readonly session: string | undefined;
  readonly atMs: number;
  readonly doneMs: number;
  /** Messages with a current run, as recorded by their agents, before and after the kill. */
  readonly cut: readonly string[];
}

/**
 * Kills and stops processes and containers of a cluster by plan, under traffic. Processes are one
 * sequence, containers are others; each strike waits for the effect of the last one in its
 * sequence. Every strike allows some more messages, so that there is always something to hit.
 */
export class Storm {
  readonly kills: Kill[] = [];
  stops = 0;
  readonly #cluster: Cluster;
  readonly #sessions: readonly string[];
  readonly #records: RunRecords;
  readonly #random: SeededRandom;
  readonly #print: (line: string) => void;
  /** Runs that ended with their container, so that no later kill can hit them. */
  readonly #cutOff = new Set<string>();
  readonly #startedAt = performance.now();
  #controllerUp: Promise<unknown> = Promise.resolve();

  constructor(cluster: Cluster, sessions: readonly string[], records: RunRecords, random: SeededRandom, print: (line: string) => void) {
    this.#cluster = cluster;
    this.#sessions = sessions;
    this.#records = records;
    this.#random = random;
    this.#print = print;
  }

  /** Resolves once there is a controller, which can be stopped. */
  controllerUp(): Promise<unknown> {
    return this.#controllerUp;
  }

  /** Starts `atHalf` in the middle, and continues with the strikes meanwhile. */
  async rage(plan: StormPlan, traffic: Traffic, atHalf: () => Promise<void>): Promise<void> {
    await Promise.all([
      this.#strikeProcesses(plan.processes, traffic, atHalf),
      ...plan.guests.map((line) => inTurn(line, (strike) => this.#strikeGuest(strike, traffic))),
    ]);
  }

  async #strikeProcesses(strikes: readonly ProcessStrike[], traffic: Traffic, atHalf: () => Promise<void>): Promise<void> {
    const half = Math.floor(strikes.length / 2);
    const strike = (one: ProcessStrike) => this.#strikeProcess(one, traffic);
    await inTurn(strikes.slice(0, half), strike);
    await Promise.all([atHalf(), inTurn(strikes.slice(half), strike)]);
  }

  async #strikeProcess(strike: ProcessStrike, traffic: Traffic): Promise<void> {
    traffic.anywhere(this.#random.whole(12, 18));
    switch (strike.kind) {
      case 'kill': {
        if (strike.isAimed) await this.#records.untilRunning(this.#sessions, COMES_WITHIN_MS);
        let isUp: () => void = () => undefined;
        if (strike.victims.includes('controller')) {
          this.#controllerUp = new Promise<void>((resolve) => {
            isUp = resolve;
          });
        }
        try {
          await Promise.all(strike.victims.map((victim) => this.#kill(victim)));
          await Promise.all(strike.victims.map((victim) => this.#start(victim)));
        } finally {
          isUp();
        }
        return;
      }
      case 'stop':
        return this.#stop(strike.victim, () => elapsed(strike.forMs));
      case 'stop past the lease': {
        const news = await Follower.ofAll(this.#cluster.rest);
        try {
          await this.#stop(strike.victim, async () => {
            await news.next(`${strike.victim} to be unreachable`, ({ type }) => type === 'node.unreachable', COMES_WITHIN_MS);
          });
          await news.next(`${strike.victim} to be back`, ({ type }) => type === 'node.ready', COMES_WITHIN_MS);
        } finally {
          news.close();
        }
        return;
      }
      default:
        throw new Error(`unknown strike ${JSON.stringify(strike satisfies never)}`);
    }
  }

  async #strikeGuest(strike: GuestStrike, traffic: Traffic): Promise<void> {
    const { session } = strike;
    const container = docker.getContainer(`raworc_session_${session}`);
    traffic.anywhere(this.#random.whole(3, 6));
    traffic.to(session, 3);
    if (strike.kind === 'kill') {
      if (strike.isAimed) await this.#records.untilRunning([session], COMES_WITHIN_MS);
      await this.#note('container', session, [session], () => container.kill());
    } else {
      this.stops += 1;
      this.#say(`stops ${session} for ${strike.forMs} ms`);
      const pids = await processesIn(session);
      for (const pid of pids) signal(pid, 'SIGSTOP');
      await elapsed(strike.forMs);
      for (const pid of pids) signal(pid, 'SIGCONT');
    }
    const count = this.#records.started(session).length;
    traffic.to(session, 2);
    await this.#records.untilMoreThan(count, session, COMES_WITHIN_MS);
  }

  #kill(victim: ProcessName): Promise<void> {
    return this.#note(victim, undefined, this.#sessions, () => this.#process(victim).end('SIGKILL'));
  }

  async #stop(victim: ProcessName, until: () => Promise<unknown>): Promise<void> {
    this.stops += 1;
    this.#say(`stops ${victim}`);
    const child = this.#process(victim);
    child.signal('SIGSTOP');
    try {
      await until();
    } finally {
      child.signal('SIGCONT');
      this.#say(`lets ${victim} go on`);
    }
  }

  async #note(victim: Kill['victim'], session: string | undefined, at: readonly string[], kill: () => Promise<unknown>): Promise<void> {
    const before = this.#records.unfinished(at);
    const atMs = Date.now();
    await kill();
    const after = new Set(this.#records.unfinished(at));
    const cut = before.filter((message) => after.has(message) && !this.#cutOff.has(message));
    if (session !== undefined) for (const message of after) this.#cutOff.add(message);
    this.kills.push({ victim, session, atMs, doneMs: Date.now(), cut });
    this.#say(`kills ${victim}${session === undefined ? '' : ` ${session}`}, ${cut.length} runs under way`);
  }

  #start(victim: ProcessName): Promise<unknown> {
    if (victim === 'controller') return this.#cluster.startController();
    if (victim === 'nats') return this.#nats.start();
    return this.#cluster.restartNode(victim);
  }

  #process(victim: ProcessName): Child {
    if (victim === 'controller') return this.#cluster.controller;
    return victim === 'nats' ? this.#nats.process : this.#cluster.node(victim).process;
  }

  get #nats() {
    const { nats } = this.#cluster;
    if (nats === undefined) throw new Error('the cluster has no nats-server');
    return nats;
  }

  #say(line: string): void {
    this.#print(`${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s: ${line}`);
  }
}

async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await work(item);
}

/**
 * Returns their process ids on this machine, by their shared namespace: Docker's own list needs
 * `ps` on the host.
 */
async function processesIn(session: string): Promise<number[]> {
  const { State } = await docker.getContainer(`raworc_session_${session}`).inspect();
  const namespaceOf = (pid: number | string) => readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
  const theirs = await namespaceOf(State.Pid);
  if (theirs === undefined) return [];
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const namespaces = await Promise.all(all.map(namespaceOf));
  return all.filter((_, at) => namespaces[at] === theirs).map(Number);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended since.
  }
}
