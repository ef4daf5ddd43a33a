import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../controller/registry/registry-process.ts';
import type { Child } from '../cluster/processes.ts';
import { Rest } from '../cluster/rest.ts';
import { DATA, DataDisk } from './data-disk.ts';
import type { RackPlace } from './host.ts';
import { Machine, type MachineProcess } from './machine.ts';
import { Wire } from './wire.ts';

const HTTP_PORT = 9000;
const NUMBER = 1;
const DATABASE = `${DATA}/controller/raworc.db`;
const READER = `const Database = require(${JSON.stringify(fileURLToPath(import.meta.resolve('better-sqlite3')))});
const [, file, sql] = process.argv;
process.stdout.write(JSON.stringify(new Database(file, { readonly: true, fileMustExist: true }).prepare(sql).all()));`;

/** Where the machine finds it too: its programs are this machine's. */
function registryProgram(): string {
  const program = findProgram('docker-registry');
  if (program === undefined) throw new Error('docker-registry is not installed');
  return program;
}

/** A machine with the controller and nats-server, without a Docker. */
export class ControlPlane {
  readonly machine: Machine;
  readonly wire: Wire;
  readonly disk: DataDisk;
  readonly nodePort = 9400;
  readonly controllers: MachineProcess[] = [];
  readonly busses: MachineProcess[] = [];
  readonly #place: RackPlace;
  readonly #env: Readonly<Record<string, string>>;
  #rest: Rest | undefined;

  constructor(place: RackPlace, env: Readonly<Record<string, string>>, diskBytes: number | undefined) {
    this.machine = new Machine('head', join(place.directory, 'head'));
    this.wire = new Wire(this.machine);
    this.disk = new DataDisk(this.machine, diskBytes);
    this.#place = place;
    this.#env = env;
  }

  /** The client of the admin. */
  get rest(): Rest {
    if (this.#rest === undefined) throw new Error('the controller was never started');
    return this.#rest;
  }

  get controller(): MachineProcess {
    return newest(this.controllers);
  }

  get bus(): MachineProcess {
    return newest(this.busses);
  }

  /** Returns rows of the store. Read on the machine itself, since its disk can be mounted there only. */
  async query(sql: string): Promise<unknown> {
    return JSON.parse(await this.machine.run(process.execPath, '-e', READER, DATABASE, sql));
  }

  async boot(): Promise<void> {
    await this.machine.start();
    await this.#place.network.connect(this.machine, NUMBER);
    await this.machine.run('mkdir', '-p', '-m', '700', DATA);
    await this.disk.mount();
    await this.startBus();
    await this.startController();
  }

  async startBus(): Promise<void> {
    const bus = this.machine.launch('nats-server', 'nats-server', ['-a', '127.0.0.1', '-p', '4222'], { PATH: process.env.PATH ?? '' });
    this.busses.push(bus);
    await bus.child.untilLine('nats-server to be ready', (line) => line.includes('Server is ready'));
  }

  /** Resolves once it serves. */
  async startController(): Promise<void> {
    const controller = this.machine.launch('controller', process.execPath, ['controller/main.ts'], {
      RAWORC_DATA_DIR: DATA,
      RAWORC_HTTP_HOST: '0.0.0.0',
      RAWORC_HTTP_ALLOW_PLAIN: '1',
      RAWORC_HTTP_PORT: String(HTTP_PORT),
      RAWORC_NODE_HOST: '0.0.0.0',
      RAWORC_ADVERTISE: this.address,
      RAWORC_NATS_URL: 'nats://127.0.0.1:4222',
      RAWORC_SLOTS: '0',
      RAWORC_REGISTRY: 'off', // packing the session image takes longer than most tests
      ...this.#env,
    });
    this.controllers.push(controller);
    await controller.child.untilEvent('controller.ready', 120_000);
    const password = readFileSync(this.machine.path(`${DATA}/controller/admin-password`), 'utf8').trim();
    this.#rest ??= await Rest.login(this.url, 'admin', password);
  }

  /** Of REST. */
  get url(): string {
    return `http://${this.address}:${HTTP_PORT}`;
  }

  get address(): string {
    return this.#place.network.address(NUMBER);
  }

  /** Ends it, and hides its program from the controller, which would start it again. */
  async removeRegistry(): Promise<void> {
    const [pid = ''] = (await this.machine.run('pidof', 'docker-registry')).split(' ');
    await this.machine.run('mount', '--bind', '/dev/null', registryProgram());
    await this.machine.run('kill', '-KILL', pid);
  }

  async restoreRegistry(): Promise<void> {
    await this.machine.run('umount', registryProgram());
  }

  async powerOff(): Promise<void> {
    await this.machine.powerOff();
  }

  get processes(): readonly Child[] {
    return [...this.busses, ...this.controllers].map(({ child }) => child);
  }
}

function newest(processes: readonly MachineProcess[]): MachineProcess {
  const process = processes.at(-1);
  if (process === undefined) throw new Error('it was never started');
  return process;
}
