import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../cluster/processes.ts';
import { Rest } from '../cluster/rest.ts';
import type { RackPlace } from './host.ts';
import { Machine, type MachineProcess } from './machine.ts';
import { Wire } from './wire.ts';

const DATA = '/var/lib/raworc';
const HTTP_PORT = 9000;
const NUMBER = 1;

/** A machine with the controller and nats-server, without a Docker. */
export class ControlPlane {
  readonly machine: Machine;
  readonly wire: Wire;
  readonly controllers: MachineProcess[] = [];
  readonly busses: MachineProcess[] = [];
  readonly #place: RackPlace;
  readonly #env: Readonly<Record<string, string>>;
  #rest: Rest | undefined;

  constructor(place: RackPlace, env: Readonly<Record<string, string>>) {
    this.machine = new Machine('head', join(place.directory, 'head'));
    this.wire = new Wire(this.machine);
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

  /** On this machine. */
  get databaseFile(): string {
    return join(this.machine.directory, 'lib/raworc/controller/raworc.db');
  }

  async boot(): Promise<void> {
    mkdirSync(join(this.machine.directory, 'lib/raworc'), { recursive: true, mode: 0o700 });
    await this.machine.start();
    await this.#place.network.connect(this.machine, NUMBER);
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
      RAWORC_ADVERTISE: this.#place.network.address(NUMBER),
      RAWORC_NATS_URL: 'nats://127.0.0.1:4222',
      RAWORC_REGISTRY: 'off', // packing the session image takes longer than most tests
      ...this.#env,
    });
    this.controllers.push(controller);
    await controller.child.untilEvent('controller.ready', 120_000);
    const password = readFileSync(join(this.machine.directory, 'lib/raworc/controller/admin-password'), 'utf8').trim();
    this.#rest ??= await Rest.login(`http://${this.#place.network.address(NUMBER)}:${HTTP_PORT}`, 'admin', password);
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
