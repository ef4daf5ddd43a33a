import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from './processes.ts';

export interface NodeOptions {
  readonly name: string;
  readonly memoryBytes?: number;
  readonly cpuMillis?: number;
  /** Of an engine other than the machine's own. */
  readonly dockerSocket?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One node agent's process with a data directory of its own, killed and started as the test likes. */
export class NodeProcess {
  /** Of its next start. */
  options: NodeOptions;
  readonly dataDirectory: string;
  readonly runDirectory: string;
  readonly #projectDirectory: string;
  #child: Child | undefined;
  /** The logs of every start. */
  readonly logs: Child[] = [];

  constructor(projectDirectory: string, directory: string, number: number, options: NodeOptions) {
    this.options = options;
    this.#projectDirectory = projectDirectory;
    this.dataDirectory = join(directory, 'nodes', options.name);
    this.runDirectory = join(directory, `r${number}`);
  }

  /** Resolves once it has connected and reconciled. The token is used at the first start only. */
  async start(token: string): Promise<void> {
    await mkdir(this.dataDirectory, { recursive: true });
    const tokenFile = `${this.dataDirectory}.token`;
    await writeFile(tokenFile, token, { mode: 0o600 });
    const { name, memoryBytes = 2 ** 30, cpuMillis = 2000, dockerSocket, env = {} } = this.options;
    const args = ['node-agent/main.ts', '--data', this.dataDirectory, '--name', name, '--token-file', tokenFile];
    args.push('--memory-bytes', String(memoryBytes), '--cpu-millis', String(cpuMillis), '--run-dir', this.runDirectory);
    if (dockerSocket !== undefined) args.push('--docker-socket', dockerSocket);
    const child = new Child(name, process.execPath, args, { PATH: process.env.PATH ?? '', ...env }, this.#projectDirectory);
    this.#child = child;
    this.logs.push(child);
    await child.untilEvent('node.ready', 60_000);
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<string> {
    return this.process.end(signal);
  }

  get process(): Child {
    if (this.#child === undefined) throw new Error(`${this.options.name} was never started`);
    return this.#child;
  }

  /** One for each session that has a socket now. */
  socketDirectories(): string[] {
    return existsSync(this.runDirectory) ? readdirSync(this.runDirectory) : [];
  }

  /** Where this session's disk is. */
  diskDirectory(session: string): string {
    return join(this.dataDirectory, 'disks', session);
  }

  /** On this machine, what its container sees as /session while it runs. */
  diskFiles(session: string): string {
    const files = join(this.diskDirectory(session), 'fs');
    return join(files, readdirSync(files).find((name) => name !== 'lost+found') ?? '');
  }

  /** Sessions that have a disk here. */
  disks(): string[] {
    const disks = join(this.dataDirectory, 'disks');
    return existsSync(disks) ? readdirSync(disks).filter((name) => !name.startsWith('.')) : [];
  }

  /** Of what it joined; undefined before that. */
  clusterId(): string | undefined {
    const identity = join(this.dataDirectory, 'identity.json');
    return existsSync(identity) ? /"cluster_?[iI]d":\s*"([^"]+)"/.exec(readFileSync(identity, 'utf8'))?.[1] : undefined;
  }
}
