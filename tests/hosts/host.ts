import { execFile } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Child } from '../cluster/processes.ts';
import { RACKS, removeGroup, thaw } from './cgroups.ts';
import { DATA, DataDisk } from './data-disk.ts';
import { Machine, type MachineProcess } from './machine.ts';
import type { Network } from './network.ts';
import { Wire } from './wire.ts';

const run = promisify(execFile);
const UP_WITHIN_MS = 120_000;
/** Holds the id of the node that a machine last was: its own file of that is on its disk. */
const NODE_FILE = 'node';

export interface HostOptions {
  /** Whether it joins when the rack starts. Default true. */
  readonly joins?: boolean;
  /** Of its node agent. */
  readonly env?: Readonly<Record<string, string>>;
  readonly memoryBytes?: number;
  readonly cpuMillis?: number;
  /** Whether its Docker has the session image from the start. Default true. */
  readonly hasImage?: boolean;
  /** Size of the file system of its data. Default: it is this machine's. */
  readonly diskBytes?: number;
}

/** What the hosts of a rack share. */
export interface RackPlace {
  readonly directory: string;
  readonly network: Network;
  /** The one that works here. */
  readonly storageDriver: string;
}

/** A machine with a Docker of its own and a node agent, as an operator would set it up. */
export class Host {
  readonly name: string;
  readonly machine: Machine;
  readonly wire: Wire;
  readonly disk: DataDisk;
  readonly address: string;
  /** Those of every start, newest last. */
  readonly agents: MachineProcess[] = [];
  readonly engines: MachineProcess[] = [];
  readonly #network: Network;
  readonly #storageDriver: string;
  readonly #group: string;
  readonly #number: number;
  readonly #options: HostOptions;
  readonly joins: boolean;

  constructor(name: string, rack: RackPlace, number: number, options: HostOptions) {
    const { directory, network, storageDriver } = rack;
    this.name = name;
    this.machine = new Machine(name, join(directory, name));
    this.#storageDriver = storageDriver;
    this.#group = join(RACKS, basename(directory), name);
    this.wire = new Wire(this.machine);
    this.disk = new DataDisk(this.machine, options.diskBytes);
    this.address = network.address(number);
    this.#network = network;
    this.#number = number;
    this.#options = options;
    this.joins = options.joins ?? true;
  }

  /** Switches it on. Resolves once its Docker answers. */
  async boot(): Promise<void> {
    await this.machine.start();
    await this.#network.connect(this.machine, this.#number);
    await this.disk.mount();
    await this.startEngine();
  }

  async startEngine(): Promise<void> {
    const flags = ['--storage-driver', this.#storageDriver, '--cgroup-parent', `/${this.#group}`];
    const engine = this.machine.launch('dockerd', 'dockerd', flags, { PATH: process.env.PATH ?? '' });
    this.engines.push(engine);
    await engine.child.untilLine('Docker to listen', (line) => line.includes('API listen on'), UP_WITHIN_MS);
  }

  get engine(): MachineProcess {
    return newest(this.engines, `dockerd of ${this.name}`);
  }

  get agent(): MachineProcess {
    return newest(this.agents, `the node agent of ${this.name}`);
  }

  /** Docker's command line on this machine, with this machine's files. */
  async docker(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('docker', ['-H', `unix://${this.machine.path('/run/docker.sock')}`, ...args]);
    return stdout.trim();
  }

  /** Joins with the token, or goes on as the node that it is. Resolves once it is ready. */
  async startAgent(token?: string): Promise<void> {
    const { node } = await this.launchAgent(token).child.untilEvent('node.ready', UP_WITHIN_MS);
    writeFileSync(join(this.machine.directory, NODE_FILE), String(node));
  }

  launchAgent(token?: string, ...more: readonly string[]): MachineProcess {
    const flags = [...this.agentFlags, ...more];
    if (token !== undefined) {
      writeFileSync(this.machine.path('/run/token'), token, { mode: 0o600 });
      flags.push('--token-file', '/run/token');
    }
    return this.#launch(flags);
  }

  /** Goes on with the node agent of another release, from its directory. Resolves once it is ready. */
  async startOtherAgent(release: string): Promise<void> {
    await this.#launch(this.agentFlags, release).child.untilEvent('node.ready', UP_WITHIN_MS);
  }

  get agentFlags(): readonly string[] {
    const { memoryBytes = 4 * 2 ** 30, cpuMillis = 2_000 } = this.#options;
    return ['--data', DATA, '--memory-bytes', String(memoryBytes), '--cpu-millis', String(cpuMillis)];
  }

  #launch(flags: readonly string[], directory?: string): MachineProcess {
    const agent = this.machine.launch('node agent', process.execPath, ['node-agent/main.ts', ...flags], this.#options.env, directory);
    this.agents.push(agent);
    return agent;
  }

  /** Sessions that have a disk here. */
  disks(): string[] {
    const disks = this.machine.path(`${DATA}/disks`);
    return existsSync(disks) ? readdirSync(disks).filter((name) => !name.startsWith('.')) : [];
  }

  /** Where this machine finds what a session sees as /session. */
  files(session: string): string {
    const all = this.machine.path(`${DATA}/disks/${session}/fs`);
    return join(all, readdirSync(all).find((name) => name !== 'lost+found') ?? '');
  }

  /** Pairs of session and container, of all containers, running or not. */
  containers(): Promise<readonly (readonly [session: string, container: string])[]> {
    return this.#containers('-a');
  }

  running(): Promise<readonly (readonly [session: string, container: string])[]> {
    return this.#containers();
  }

  /** Tags of the images that sessions start from. */
  async images(): Promise<readonly string[]> {
    const listed = await this.docker('images', '--filter', 'label=raworc.managed=true', '--format', '{{.Repository}}:{{.Tag}}');
    return listed
      .split('\n')
      .filter((tag) => tag !== '' && !tag.includes('<none>'))
      .sort();
  }

  /** Images without a name, and those that have the name of a move. */
  async strayImages(): Promise<readonly string[]> {
    const listed = (await this.docker('images', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')).split('\n');
    return listed.filter((line) => line.includes('<none>') || line.startsWith('127.0.0.1'));
  }

  /** Sessions whose disks are mounted, each as often as it is. */
  mountedDisks(): readonly string[] {
    const mounts = readFileSync(`/proc/${this.machine.pid}/mounts`, 'utf8').split('\n');
    const places = mounts.map((line) => line.split(' ')[1] ?? '').filter((place) => place.startsWith(`${DATA}/disks/`));
    const names = places.map((place) => place.slice(`${DATA}/disks/`.length).split('/')[0] ?? '');
    return names.filter((name) => !name.startsWith('.')).sort();
  }

  /** Names of the directories in which the node agent listens for guests. */
  sockets(): readonly string[] {
    return globSync('*/*/guest.sock', { cwd: this.machine.path('/run/raworc') })
      .map((path) => path.split('/')[1] ?? '')
      .sort();
  }

  async #containers(...flags: readonly string[]): Promise<readonly (readonly [session: string, container: string])[]> {
    const listed = await this.docker(
      'ps',
      ...flags,
      '--no-trunc',
      '--filter',
      'label=raworc.session',
      '--format',
      '{{.Label "raworc.session"}} {{.ID}}',
    );
    return listed === '' ? [] : listed.split('\n').map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? ''] as const);
  }

  /** Everything that runs is gone, with its control groups. The disk stays, for the next boot. */
  async powerOff(): Promise<void> {
    const groups = [this.#group, ...nodeGroups(this.machine.directory)];
    groups.forEach(thaw);
    await this.machine.powerOff();
    await Promise.all(groups.map(removeGroup));
  }

  /** Removes everything that its Docker had. It was stopped. */
  async wipeEngine(): Promise<void> {
    await this.machine.run('sh', '-c', 'rm -rf /var/lib/docker/*');
  }

  get processes(): readonly Child[] {
    return [...this.engines, ...this.agents].map(({ child }) => child);
  }
}

function newest(processes: readonly MachineProcess[], what: string): MachineProcess {
  const process = processes.at(-1);
  if (process === undefined) throw new Error(`${what} was never started`);
  return process;
}

/** The control group that a node agent gives its sessions. None before it has joined. */
export function nodeGroups(directory: string): readonly string[] {
  const [identity, known] = [join(directory, 'lib/raworc/identity.json'), join(directory, NODE_FILE)];
  const [, id] = existsSync(identity) ? (/"node_?[iI]d":\s*"([^"]{8})/.exec(readFileSync(identity, 'utf8')) ?? []) : [];
  if (id !== undefined) return [`raworc/${id}`];
  return existsSync(known) ? [`raworc/${readFileSync(known, 'utf8').slice(0, 8)}`] : [];
}
