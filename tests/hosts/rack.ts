import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { sessionImage } from '../cluster/docker.ts';
import type { Scope } from '../cluster/harness.ts';
import type { Rest } from '../cluster/rest.ts';
import { ControlPlane } from './control-plane.ts';
import { Host, type HostOptions, type RackPlace } from './host.ts';
import { loadImage } from './images.ts';
import { Network } from './network.ts';
import { clear, ownerMark, RACK_PREFIX, sweep } from './sweep.ts';

const run = promisify(execFile);
/** The head has the first address, this machine the last. */
const FIRST_HOST = 11;
const LOG_LINES = 60;

export interface RackOptions {
  /** By name. */
  readonly hosts: Readonly<Record<string, HostOptions>>;
  /** Settings of the controller. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A controller's machine and some hosts, on a network of their own. */
export class Rack {
  readonly head: ControlPlane;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly place: RackPlace;

  constructor(place: RackPlace, { hosts, env = {} }: RackOptions) {
    this.place = place;
    this.head = new ControlPlane(place, env);
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

  get all(): readonly Host[] {
    return [...this.hosts.values()];
  }

  logs(): string {
    const children = [...this.head.processes, ...this.all.flatMap(({ processes }) => processes)];
    return children.map(({ name, lines }) => [`--- ${name}`, ...lines.filter(isTelling).slice(-LOG_LINES)].join('\n')).join('\n');
  }

  /** Switches everything off. */
  async close(): Promise<void> {
    await Promise.all([...this.all, this.head].map((machine) => machine.close()));
  }
}

/** A rack whose hosts have joined, each with a Docker that holds the session image. Closed at the end of the test. */
export async function startRack(t: Scope, options: RackOptions): Promise<Rack> {
  const { stdout } = await run('docker', ['info', '-f', '{{.DockerRootDir}} {{.Driver}}']);
  const [root = '', storageDriver = ''] = stdout.trim().split(' ');
  await sweep(root);
  // Where the machine's Docker keeps its own: not every file system takes the layers of an engine.
  const directory = mkdtempSync(join(root, RACK_PREFIX));
  writeFileSync(join(directory, 'owner'), ownerMark(process.pid));
  t.teardown(() => clear(directory));
  const network = await Network.open(basename(directory).slice(RACK_PREFIX.length));
  t.teardown(() => network.close());
  const image = await sessionImage();
  const rack = new Rack({ directory, network, storageDriver }, { ...options, env: { RAWORC_BASE_IMAGE_TAG: image, ...options.env } });
  t.teardown(async () => {
    if (!t.passing()) t.comment(rack.logs());
    await rack.close();
  });
  const join_ = async (host: Host) => {
    await host.boot();
    await loadImage(image, host);
  };
  await Promise.all([rack.head.boot(), ...rack.all.map(join_)]);
  await Promise.all(rack.all.map(async (host) => host.startAgent(await rack.rest.nodeToken())));
  return rack;
}

/** Docker's own progress tells nothing about a failed test. */
const isTelling = (line: string) => !line.includes('level=info');
