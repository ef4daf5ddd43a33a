import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as elapsed } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sessionImage } from '../cluster/docker.ts';
import type { Scope } from '../cluster/harness.ts';
import type { Rest } from '../cluster/rest.ts';
import { ControlPlane } from './control-plane.ts';
import { Host, type HostOptions, type RackPlace } from './host.ts';
import { loadImage } from './images.ts';
import { Network } from './network.ts';
import { clear, makeRackDirectory, RACK_PREFIX, sharedDirectory, sweep } from './sweep.ts';

const run = promisify(execFile);
/** The head has the first address, this machine the last. */
const FIRST_HOST = 11;
const LOG_LINES = 60;
const POLL_MS = 200;
/** A directory for all that the processes of a rack print, and for how far a long test is. */
export const LOGS = process.env.RAWORC_HOSTS_LOGS;

export interface RackOptions {
  /** By name. */
  readonly hosts: Readonly<Record<string, HostOptions>>;
  /** Settings of the controller. */
  readonly env?: Readonly<Record<string, string>>;
  /** Size of the file system of the controller's data. Default: it is this machine's. */
  readonly diskBytes?: number;
}

/** A controller's machine and some hosts, on a network of their own. */
export class Rack {
  readonly head: ControlPlane;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly place: RackPlace;

  constructor(place: RackPlace, { hosts, env = {}, diskBytes }: RackOptions) {
    this.place = place;
    this.head = new ControlPlane(place, env, diskBytes);
    this.hosts = new Map(
      Object.entries(hosts).map(([name, options], index) => [name, new Host(name, place, FIRST_HOST + index, options)] as const),
    );
  }

  get rest(): Rest {
    return this.head.rest;
  }

  host(name: string): Host {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`no host is called ${name}`);
    return host;
  }

  /** A directory that all its machines see. */
  get shared(): string {
    const directory = sharedDirectory(this.place.directory);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  /** Of the test's own machine, on the network of the rack. */
  get ownAddress(): string {
    return this.place.network.ownAddress;
  }

  get all(): readonly Host[] {
    return [...this.hosts.values()];
  }

  logs(linesEach = LOG_LINES): string {
    const children = [...this.head.processes, ...this.all.flatMap(({ processes }) => processes)];
    return children.map(({ name, lines }) => [`--- ${name}`, ...lines.filter(isTelling).slice(-linesEach)].join('\n')).join('\n');
  }

  /** Resolves once every node is ready. It looks again and again: a degraded node recovers without an event. */
  async untilReady(limitMs = 120_000): Promise<void> {
    const endsAt = performance.now() + limitMs;
    for (;;) {
      const away = (await this.rest.nodes()).filter(({ status }) => status !== 'ready').map(({ name, status }) => `${name} is ${status}`);
      if (away.length === 0) return;
      if (performance.now() > endsAt) throw new Error(`not ready in time: ${away.join(', ')}`);
      await elapsed(POLL_MS);
    }
  }

  /** Switches everything off. */
  async close(): Promise<void> {
    await Promise.all([...this.all, this.head].map((machine) => machine.powerOff()));
  }
}

/** A directory and a network for machines, without any. Closed at the end of the test. */
export async function openPlace(t: Scope): Promise<RackPlace> {
  const { stdout } = await run('docker', ['info', '-f', '{{.DockerRootDir}} {{.Driver}}']);
  const [root = '', storageDriver = ''] = stdout.trim().split(' ');
  await sweep(root);
  // Where the machine's Docker keeps its own: not every file system takes the layers of an engine.
  const directory = makeRackDirectory(root);
  t.teardown(() => clear(directory));
  const network = await Network.open(basename(directory).slice(RACK_PREFIX.length));
  t.teardown(() => network.close());
  return { directory, network, storageDriver };
}

/** A rack whose hosts have joined, each with a Docker that holds the session image unless its options say otherwise. Closed at the end of the test. */
export async function startRack(t: Scope, options: RackOptions): Promise<Rack> {
  const place = await openPlace(t);
  const image = await sessionImage();
  const rack = new Rack(place, { ...options, env: { RAWORC_BASE_IMAGE_TAG: image, ...options.env } });
  t.teardown(async () => {
    if (!t.passing()) t.comment(rack.logs());
    if (LOGS !== undefined) writeFileSync(join(LOGS, `${basename(place.directory)}.log`), rack.logs(Number.POSITIVE_INFINITY));
    await rack.close();
  });
  const join_ = async (host: Host) => {
    await host.boot();
    if (options.hosts[host.name]?.hasImage !== false) await loadImage(image, host);
  };
  await Promise.all([rack.head.boot(), ...rack.all.map(join_)]);
  const joining = rack.all.filter(({ joins }) => joins);
  await Promise.all(joining.map(async (host) => host.startAgent(await rack.rest.nodeToken())));
  return rack;
}

/** Docker's own progress tells nothing about a failed test. */
const isTelling = (line: string) => !line.includes('level=info');
