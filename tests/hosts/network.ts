import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { within } from '../cluster/deadline.ts';
import type { Machine } from './machine.ts';

const run = promisify(execFile);
const BRIDGE = 'switch';
/** This machine's own port has the last address. */
const OWN_ADDRESS = 254;

/** Links of this machine that begin so belong to a rack. */
export const LINK_PREFIX = 'rack-';

/**
 * The switch that connects machines: a bridge in a network namespace of its own, with one port for
 * this machine. All of it disappears with the process that holds the namespace.
 */
export class Network {
  /** The first three parts of every address. */
  readonly #subnet: string;
  readonly #holder: ChildProcess;
  #ports = 0;

  private constructor(subnet: string, holder: ChildProcess) {
    this.#subnet = subnet;
    this.#holder = holder;
  }

  static async open(id: string): Promise<Network> {
    const holder = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sh', '-c', 'echo up; exec sleep infinity'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await within('the switch', 10_000, once(holder.stdout, 'data'));
    const network = new Network(freeSubnet(), holder);
    const own = `${LINK_PREFIX}${id}`;
    try {
      await network.#inside('ip', 'link', 'add', BRIDGE, 'type', 'bridge');
      await network.#inside('ip', 'link', 'set', BRIDGE, 'up');
      await run('ip', ['link', 'add', own, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', String(holder.pid)]);
      await network.#inside('ip', 'link', 'set', 'uplink', 'master', BRIDGE, 'up');
      await run('ip', ['address', 'add', `${network.ownAddress}/24`, 'dev', own]);
      await run('ip', ['link', 'set', own, 'up']);
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  address(number: number): string {
    return `${this.#subnet}.${number}`;
  }

  get ownAddress(): string {
    return this.address(OWN_ADDRESS);
  }

  /** Plugs a machine that has just started in. Its device is eth0. */
  async connect(machine: Machine, number: number): Promise<void> {
    this.#ports += 1;
    const port = `p${this.#ports}`;
    const peer = ['peer', 'name', 'eth0', 'netns', String(machine.pid)];
    await this.#inside('ip', 'link', 'add', port, 'type', 'veth', ...peer);
    await this.#inside('ip', 'link', 'set', port, 'master', BRIDGE, 'up');
    await machine.run('ip', 'address', 'add', `${this.address(number)}/24`, 'dev', 'eth0');
    await machine.run('ip', 'link', 'set', 'eth0', 'up');
    await machine.run('ip', 'route', 'add', 'default', 'via', this.ownAddress);
  }

  async close(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const gone = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await gone;
  }

  async #inside(...command: readonly string[]): Promise<void> {
    await run('nsenter', ['-t', String(this.#holder.pid), '-n', '--', ...command]);
  }
}

/** A range that no route of this machine names. */
function freeSubnet(): string {
  const routes = execFileSync('ip', ['-4', 'route', 'show', 'table', 'all'], { encoding: 'utf8' });
  for (let third = 0; third < 256; third += 1) {
    const subnet = `10.213.${(third + process.pid) % 256}`;
    if (!routes.includes(`${subnet}.`)) return subnet;
  }
  throw new Error('no range of addresses is free for the machines of the test');
}
