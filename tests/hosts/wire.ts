import { execFile } from 'node:child_process';
import type { Machine } from './machine.ts';

const TABLE = 'inet rack_faults';
const NAT_TABLE = 'ip rack_detours';
const DEVICE = 'eth0';
/** Before every rule of Docker and of the node agent, whose own are not touched. */
const PRIORITY = -400;

export type Direction = 'in' | 'out';

/**
 * The cable of a machine. Packets that a fault drops vanish without an answer, in the directions
 * that it names. Each fault replaces those before it.
 */
export class Wire {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  cut(...directions: readonly Direction[]): Promise<void> {
    return this.#drop('', directions);
  }

  /** Drops a share of packets, in percent. */
  lose(percent: number, ...directions: readonly Direction[]): Promise<void> {
    return this.#drop(`numgen random mod 100 < ${percent} `, directions);
  }

  /** Lets out this much, in kilobits a second. */
  async slow(kilobits: number): Promise<void> {
    const rate = ['rate', `${kilobits}kbit`, 'burst', '16kb', 'latency', '400ms'];
    await this.#machine.run('tc', 'qdisc', 'replace', 'dev', DEVICE, 'root', 'tbf', ...rate);
  }

  /** Sends new connections to one address and port to another, such as a relay. */
  async divert(from: string, fromPort: number, to: string, toPort: number): Promise<void> {
    const rule = `ip daddr ${from} tcp dport ${fromPort} dnat to ${to}:${toPort}`;
    const chain = `chain out { type nat hook output priority -150; ${rule}; }`;
    await this.#nft(`table ${NAT_TABLE}\ndelete table ${NAT_TABLE}\ntable ${NAT_TABLE} {\n${chain}\n}`);
  }

  async mend(): Promise<void> {
    await this.#nft(`table ${TABLE}\ndelete table ${TABLE}\ntable ${NAT_TABLE}\ndelete table ${NAT_TABLE}`);
    await this.#machine.run('tc', 'qdisc', 'delete', 'dev', DEVICE, 'root').catch(() => undefined); // It was not slow.
  }

  /** Also packets that the machine forwards for its containers. */
  async #drop(which: string, directions: readonly Direction[]): Promise<void> {
    const chains = {
      in: `chain in { type filter hook prerouting priority ${PRIORITY}; iifname ${DEVICE} ${which}drop; }`,
      out: `chain out { type filter hook postrouting priority ${PRIORITY}; oifname ${DEVICE} ${which}drop; }`,
    };
    const rules = directions.map((direction) => chains[direction]).join('\n');
    await this.#nft(`table ${TABLE}\ndelete table ${TABLE}\ntable ${TABLE} {\n${rules}\n}`);
  }

  #nft(script: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = execFile('nsenter', ['-t', String(this.#machine.pid), '-n', '--', 'nft', '-f', '-'], (error) =>
        error ? reject(error) : resolve(),
      );
      child.stdin?.end(`${script}\n`);
    });
  }
}
