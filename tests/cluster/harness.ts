import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { NODE_FLAGS, PROCESS_ENV } from '../../controller/service/process-options.ts';
import { unmountDisks } from '../host/test-disks.ts';
import { BarrierFiles } from './barriers.ts';
import { sessionImage, sweep } from './docker.ts';
import { NatsServer } from './nats.ts';
import { type NodeOptions, NodeProcess } from './nodes.ts';
import { freePorts } from './ports.ts';
import { Child } from './processes.ts';
import { Rest } from './rest.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

export interface ClusterOptions {
  readonly nodes: readonly NodeOptions[];
  /** Starts a nats-server; without one, the controller's bus is in its process. */
  readonly nats?: boolean;
  /** Where the controller listens: all addresses if containers must be able to try. */
  readonly host?: string;
  /** Its program. Default controller/main.ts. */
  readonly program?: string;
  /** Directory of another release, whose controller runs. */
  readonly tree?: string;
  /** More settings of the controller. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Ports {
  readonly http: number;
  readonly node: number;
  readonly join: number;
}

/**
 * A cluster of processes on this machine, in a temporary directory: one controller, node agents and
 * optionally a nats-server. Ports stay the same over restarts. `close` kills every process and
 * removes the cluster's leftovers from Docker.
 */
export class Cluster {
  readonly directory: string;
  readonly barriers: BarrierFiles;
  readonly nats: NatsServer | undefined;
  readonly ports: Ports;
  readonly nodes = new Map<string, NodeProcess>();
  /** Directory of the release whose controller starts next. */
  tree = PROJECT;
  readonly #host: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #program: string;
  readonly #controllers: Child[] = [];
  #rest: Rest | undefined;

  constructor(
    directory: string,
    host: string,
    ports: Ports,
    nats: NatsServer | undefined,
    env: Readonly<Record<string, string>> = {},
    program = 'controller/main.ts',
  ) {
    this.#program = program;
    this.#env = env;
    this.directory = directory;
    this.barriers = new BarrierFiles(join(directory, 'barriers'));
    this.#host = host;
    this.ports = ports;
    this.nats = nats;
  }

  /** The admin's REST client. Its token survives restarts of the controller. */
  get rest(): Rest {
    if (this.#rest === undefined) throw new Error('the controller was never started');
    return this.#rest;
  }

  get controller(): Child {
    const newest = this.#controllers.at(-1);
    if (newest === undefined) throw new Error('the controller was never started');
    return newest;
  }

  get databaseFile(): string {
    return join(this.directory, 'controller', 'raworc.db');
  }

  node(name: string): NodeProcess {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node is called ${name}`);
    return node;
  }

  /** The id in the labels of everything in this cluster. */
  get id(): string {
    for (const node of this.nodes.values()) {
      const id = node.clusterId();
      if (id !== undefined) return id;
    }
    throw new Error('no node has joined yet');
  }

  /** Names of the disks of all nodes, sorted. */
  disks(): string[] {
    return [...this.nodes.values()].flatMap((node) => node.disks().map((session) => `raworc_session_data_${session}`)).sort();
  }

  /** Resolves once it serves. */
  async startController(): Promise<void> {
    const env: Record<string, string> = {
      ...PROCESS_ENV,
      PATH: process.env.PATH ?? '',
      RAWORC_DATA_DIR: this.directory,
      RAWORC_HTTP_HOST: this.#host,
      RAWORC_HTTP_ALLOW_PLAIN: '1',
      RAWORC_HTTP_PORT: String(this.ports.http),
      RAWORC_NODE_HOST: this.#host,
      RAWORC_NODE_PORT: String(this.ports.node),
      RAWORC_ADVERTISE: '127.0.0.1',
      RAWORC_JOIN_PORT: String(this.ports.join),
      RAWORC_BASE_IMAGE_TAG: await sessionImage(),
      RAWORC_BARRIERS: this.barriers.directory,
      RAWORC_SHUTDOWN_NODES: '1',
      RAWORC_REGISTRY: 'off', // the nodes share this machine's engine
      RAWORC_SLOTS: '0', // unless a test wants them
      ...this.#env,
    };
    if (this.nats !== undefined) env.RAWORC_NATS_URL = this.nats.url;
    const child = new Child('controller', process.execPath, [...NODE_FLAGS, this.#program], env, this.tree);
    this.#controllers.push(child);
    await child.untilEvent('controller.ready', 60_000);
    this.#rest ??= await this.login();
    // A restored controller ends the tokens of before.
    if ((await this.#rest.call('GET', '/auth/me')).status === 401) await this.#rest.loginAgain('admin', await this.#password());
  }

  async login(): Promise<Rest> {
    return Rest.login(`http://127.0.0.1:${this.ports.http}`, 'admin', await this.#password());
  }

  async #password(): Promise<string> {
    return (await readFile(join(this.directory, 'controller', 'admin-password'), 'utf8')).trim();
  }

  /**
   * Starts a node, which joins at its first start. Later starts use the first options, or new ones
   * if `anew`.
   */
  async startNode(options: NodeOptions, anew = false): Promise<NodeProcess> {
    let node = this.nodes.get(options.name);
    if (node === undefined) {
      node = new NodeProcess(PROJECT, this.directory, this.nodes.size + 1, options);
      this.nodes.set(options.name, node);
    }
    if (anew) node.options = options;
    await node.start(node.logs.length === 0 ? await this.rest.nodeToken() : '');
    return node;
  }

  async restartNode(name: string): Promise<void> {
    await this.startNode(this.node(name).options);
  }

  /** Runs one of the controller's programs on this cluster's data until it exits. */
  async program(name: 'backup' | 'restore', file: string): Promise<{ readonly end: string; readonly lines: readonly string[] }> {
    const env = { PATH: process.env.PATH ?? '', RAWORC_DATA_DIR: this.directory };
    const child = new Child(name, process.execPath, ['controller/raworc-controller.mjs', name, file], env, PROJECT);
    return { end: await child.ended(60_000), lines: child.lines };
  }

  /** Returns the last lines of each process, to explain a failed test. */
  logs(linesEach = 60): string {
    const children = [...this.#controllers, ...[...this.nodes.values()].flatMap(({ logs }) => logs)];
    return children.map(({ name, lines }) => [`--- ${name}`, ...lines.slice(-linesEach)].join('\n')).join('\n');
  }

  async close(): Promise<void> {
    const nodes = [...this.nodes.values()].flatMap(({ logs }) => logs);
    await Promise.all([...this.#controllers, ...nodes].map((child) => child.end('SIGKILL')));
    await this.nats?.kill();
    const ids = new Set([...this.nodes.values()].flatMap((node) => node.clusterId() ?? []));
    for (const id of ids) await sweep(id);
    unmountDisks(this.directory);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The part of tap's `t` that closes the cluster, and shows its logs if the test failed. */
export interface Scope {
  teardown(run: () => Promise<void>): unknown;
  passing(): boolean;
  comment(...text: unknown[]): void;
}

/**
 * Starts a cluster with all nodes connected. Closed at the end of the test, also if the start
 * fails.
 */
export async function startCluster(t: Scope, options: ClusterOptions): Promise<Cluster> {
  const [http = 0, node = 0, join_ = 0, natsPort = 0] = await freePorts(4);
  const directory = await mkdtemp(join(tmpdir(), 'raworc-'));
  const nats = options.nats === true ? new NatsServer(natsPort) : undefined;
  const cluster = new Cluster(directory, options.host ?? '127.0.0.1', { http, node, join: join_ }, nats, options.env, options.program);
  cluster.tree = options.tree ?? PROJECT;
  t.teardown(async () => {
    if (!t.passing()) t.comment(cluster.logs());
    await cluster.close();
  });
  await nats?.start();
  await cluster.startController();
  for (const nodeOptions of options.nodes) await cluster.startNode(nodeOptions);
  return cluster;
}
