import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLAIN_PASSWD, passwdFor } from '../../node-agent/domain/accounts.ts';
import type { Limits } from '../../node-agent/domain/session.ts';
import { type ContainerPlaces, containerOptions } from '../../node-agent/engine/docker/container.ts';
import { installGuestFiles } from '../../node-agent/images/guest-files.ts';
import { installedTerminals } from '../../node-agent/images/installed-terminals.ts';
import { openDocker } from '../../scripts/machine/docker.ts';
import { Bench } from '../unit/guest/bench.ts';

const LIMITS: Limits = { cpuMillis: 1000, memoryBytes: 256 * 1024 * 1024, diskBytes: 1024 ** 3, processes: 256 };

interface Outside {
  /** Its Docker network. Default: none. */
  readonly network?: string;
  readonly models?: ContainerPlaces['models'];
}

/**
 * A guest in a container like a node agent's, except for disk and, unless a test names one, network. The test is its host.
 */
export class GuestContainer extends Bench {
  readonly #built: string;
  readonly #limits: Limits;
  readonly #outside: Outside;
  #id = '';

  constructor(built: string, limits: Partial<Limits> = {}, outside: Outside = {}) {
    super(join(built, 'guest.mjs'));
    this.#outside = outside;
    this.#built = built;
    this.#limits = { ...LIMITS, ...limits };
    for (const name of ['', 'session', 'agents', 'agents/echo', 'run']) chmodSync(join(this.directory, name), 0o755);
  }

  /** Besides `echo`. The runtime follows from the file: main.py, index.mjs or run. */
  addAgent(name: string, file: 'main.py' | 'index.mjs' | 'run', source: string): void {
    mkdirSync(join(this.directory, 'agents', name), { recursive: true });
    writeFileSync(join(this.directory, 'agents', name, file), source, { mode: file === 'run' ? 0o755 : 0o644 });
    const runtime = file === 'main.py' ? 'PYTHON' : file === 'index.mjs' ? 'NODE' : 'NATIVE';
    this.agents = [
      ...this.agents.filter((one) => one.name !== name),
      { name, runtime, handler: '', idempotent: false, timeoutS: 0, memoryBytes: 0, concurrency: 0 },
    ];
  }

  async create(): Promise<void> {
    const docker = openDocker();
    const [base] = await docker.listImages({ filters: { reference: ['raworc/session'], label: ['raworc.image=base'] } });
    if (base === undefined) throw new Error('no session image is here: npm test makes one');
    const guestDirectory = await installGuestFiles({
      builtDirectory: this.#built,
      terminalsPath: installedTerminals(),
      nodePath: process.execPath,
      nodeVersion: process.version,
      directory: join(this.directory, 'guest'),
    });
    const plan = {
      ...{ sessionId: 'session', generation: 3, space: 'default', image: base.Id, limits: this.#limits, uid: 10_001 },
      socketDirectory: join(this.directory, 'run'),
    };
    const passwd = join(this.directory, 'passwd');
    writeFileSync(passwd, passwdFor(PLAIN_PASSWD, plan.uid));
    const options = containerOptions({ clusterId: 'test', nodeId: 'guest-container' }, plan, {
      guest: guestDirectory,
      disk: join(this.directory, 'session'),
      passwd,
      models: this.#outside.models,
    });
    const { HostConfig = {} } = options;
    const binds = [...(HostConfig.Binds ?? []), `${join(this.directory, 'agents')}:/opt/raworc/agents:ro`];
    const made = await docker.createContainer({
      ...options,
      name: `raworc_test_guest_${randomUUID()}`,
      Labels: { 'raworc.test': 'guest-container' },
      HostConfig: { ...HostConfig, Binds: binds, NetworkMode: this.#outside.network ?? 'none' },
    });
    this.#id = made.id;
  }

  override start(): void {
    execFileSync('docker', ['start', this.#id], { stdio: 'ignore' });
  }

  /** Kills all its processes at once. */
  async killContainer(): Promise<void> {
    execFileSync('docker', ['kill', this.#id], { stdio: 'ignore' });
    await this.next('closed');
  }

  exec(...command: string[]): string {
    return execFileSync('docker', ['exec', '-u', '0', this.#id, ...command], { encoding: 'utf8' });
  }

  /** Processes and threads in it, including the guest's. */
  processes(): number {
    const files = ['/sys/fs/cgroup/pids/pids.current', '/sys/fs/cgroup/pids.current'];
    return Number(this.exec('sh', '-c', files.map((file) => `cat ${file} 2>/dev/null`).join(' || ')));
  }

  get id(): string {
    return this.#id;
  }

  override close(): void {
    if (this.#id !== '') execFileSync('docker', ['rm', '-f', this.#id], { stdio: 'ignore' });
    super.close();
  }
}
