import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from './processes.ts';

export interface NodeOptions {
  readonly name: string;
  readonly memoryBytes?: number;
  readonly cpuMillis?: number;
  /** Socket of an engine other than the machine's own. */
  readonly dockerSocket?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Directory of another release, whose node agent runs. */
  readonly tree?: string;
  /** Port of its metrics. Default: it serves none. */
  readonly metricsPort?: number;
  /** Its program. Default node-agent/main.ts. */
  readonly program?: string;
}

/** A node agent's process with its own data directory, which the test can kill and restart. */
export class NodeProcess {
  /** Options of its next start. */
  options: NodeOptions;
  readonly dataDirectory: string;
  readonly runDirectory: string;
  readonly #projectDirectory: string;
  #child: Child | undefined;
  /** The processes of all starts, with their logs. */
  readonly logs: Child[] = [];

  constructor(projectDirectory: string, directory: string, number: number, options: NodeOptions) {
    this.options = options;
    this.#projectDirectory = projectDirectory;
    this.dataDirectory = join(directory, 'nodes', options.name);
    this.runDirectory = join(directory, `r${number}`);
  }

  /** Resolves once it has connected and reconciled. Only the first start uses the token. */
  async start(token: string): Promise<void> {
    await mkdir(this.dataDirectory, { recursive: true });
    const tokenFile = `${this.dataDirectory}.token`;
    await writeFile(tokenFile, token, { mode: 0o600 });
    const { name, memoryBytes = 2 ** 30, cpuMillis = 2000, dockerSocket, env = {}, tree = this.#projectDirectory } = this.options;
    const { program = 'node-agent/main.ts', metricsPort } = this.options;
    const args = [program, '--data', this.dataDirectory, '--name', name, '--token-file', tokenFile];
    args.push('--memory-bytes', String(memoryBytes), '--cpu-millis', String(cpuMillis), '--run-dir', this.runDirectory);
    if (metricsPort !== undefined) args.push('--metrics-port', String(metricsPort));
    if (dockerSocket !== undefined) args.push('--docker-socket', dockerSocket);
    const child = new Child(name, process.execPath, args, { PATH: process.env.PATH ?? '', ...env }, tree);
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

  /** Directories of sessions that have a socket now. */
  socketDirectories(): string[] {
    return existsSync(this.runDirectory) ? readdirSync(this.runDirectory) : [];
  }

  /** Returns the directory of the session's disk. */
  diskDirectory(session: string): string {
    return join(this.dataDirectory, 'disks', session);
  }

  /** Returns the directory that its running container sees as /session. */
  diskFiles(session: string): string {
    const files = join(this.diskDirectory(session), 'fs');
    return join(files, readdirSync(files).find((name) => name !== 'lost+found') ?? '');
  }

  /** Sessions that have a disk here. */
  disks(): string[] {
    const disks = join(this.dataDirectory, 'disks');
    return existsSync(disks) ? readdirSync(disks).filter((name) => !name.startsWith('.')) : [];
  }

  /** The id of the cluster that it joined; undefined before that. */
  clusterId(): string | undefined {
    const identity = join(this.dataDirectory, 'identity.json');
    return existsSync(identity) ? /"cluster_?[iI]d":\s*"([^"]+)"/.exec(readFileSync(identity, 'utf8'))?.[1] : undefined;
  }
}
