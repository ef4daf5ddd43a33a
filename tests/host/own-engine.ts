import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  globSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../seams/system.ts';

const run = promisify(execFile);
const UP_WITHIN_MS = 60_000;

/** The test's own Docker engine in its own network namespace, which it can kill and restart. */
export class OwnEngine {
  readonly directory = mkdtempSync('/tmp/re-');
  /**
   * Its images, containers and volumes, beside those of the machine's engine: not every file system
   * supports its layers.
   */
  readonly data = mkdtempSync(join(execFileSync('docker', ['info', '-f', '{{.DockerRootDir}}'], { encoding: 'utf8' }).trim(), 're-'));
  readonly #namespace = this.directory.replace(/^.*\//, '');
  /** Its output. */
  readonly #log = openSync(join(this.directory, 'log'), 'a');
  #process: ChildProcess | undefined;

  get socket(): string {
    return join(this.directory, 'docker.sock');
  }

  /** Resolves once it answers. */
  async start(...flags: string[]): Promise<void> {
    if (!existsSync(`/run/netns/${this.#namespace}`)) await run('ip', ['netns', 'add', this.#namespace]);
    // Where nobody reaps what an engine that was killed has left, this would pass for a containerd
    // that still runs.
    rmSync(join(this.directory, 'exec/containerd/containerd.pid'), { force: true });
    const path = (name: string) => join(this.directory, name);
    // Entered by its file: `ip netns exec` would hide the cgroups.
    const command = ['--net=/run/netns/'.concat(this.#namespace), 'dockerd', '--data-root', this.data, '--exec-root', path('exec')];
    const places = ['--pidfile', path('pid'), '-H', `unix://${this.socket}`, '--bip', '172.31.250.1/24'];
    this.#process = spawn('nsenter', [...command, ...places, ...flags], { stdio: ['ignore', this.#log, this.#log] });
    const untilMs = systemClock.monotonic() + UP_WITHIN_MS;
    for (;;) {
      const up = await this.docker('version').then(
        () => true,
        () => false,
      );
      if (up) return;
      if (this.#process.exitCode !== null || systemClock.monotonic() > untilMs)
        throw new Error(`the engine of the test does not start:\n${this.#lastLines()}`);
      await new Promise<void>((resolve) => systemClock.after(100, resolve));
    }
  }

  /** Stops or continues the engine's process, to simulate a hang. */
  hang(isHung: boolean): void {
    this.#process?.kill(isHung ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Resolves once its process is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const engine = this.#process;
    if (engine === undefined || !this.#lives) return;
    const gone = once(engine, 'exit');
    engine.kill(signal);
    await gone;
  }

  /**
   * As when the host loses its power: the engine, everything that belongs to it and every container are killed, and nothing is left of them but what
   * is on the disk. `start` is then the host's next start.
   */
  async powerOff(): Promise<void> {
    const ids = (await this.docker('ps', '-q', '--no-trunc')).split('\n').filter((id) => id !== '');
    const inspected = await Promise.all(ids.map((id) => this.docker('inspect', '-f', '{{.State.Pid}}', id)));
    await this.end('SIGKILL');
    const dying = [...this.#helpers(), ...inspected.map(Number)];
    for (const pid of dying) kill(pid);
    const groups = ids.flatMap((id) =>
      globSync([`/sys/fs/cgroup/{,*/}{docker,raworc/*}/${id}`, `/sys/fs/cgroup/{,*/}{system.slice,raworc.slice/*}/docker-${id}.scope`]),
    );
    // With cgroup v1 what is frozen does not even die.
    for (const group of groups) if (existsSync(join(group, 'freezer.state'))) writeFileSync(join(group, 'freezer.state'), 'THAWED');
    const untilMs = systemClock.monotonic() + UP_WITHIN_MS;
    while (dying.some(lives)) {
      if (systemClock.monotonic() > untilMs) throw new Error(`not dead after a SIGKILL: processes ${dying.filter(lives).join(', ')}`);
      await new Promise<void>((resolve) => systemClock.after(20, resolve));
    }
    for (const group of groups) rmdirSync(group);
    await this.#unmount();
    await run('ip', ['netns', 'del', this.#namespace]);
    rmSync(join(this.directory, 'exec'), { recursive: true, force: true });
    rmSync(join(this.directory, 'pid'), { force: true });
  }

  /**
   * containerd and the shims: whatever was started with this engine's directory among its
   * arguments.
   */
  #helpers(): number[] {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    return pids.filter((pid) => pid !== process.pid && commandOf(pid).some((argument) => argument.includes(`${this.directory}/`)));
  }

  async #unmount(): Promise<void> {
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    for (const line of mounts.reverse()) {
      const [, place = ''] = line.split(' ');
      if ([this.directory, this.data].some((own) => place.startsWith(`${own}/`))) await run('umount', ['-l', place]).catch(() => undefined);
    }
  }

  #lastLines(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8').split('\n').slice(-10).join('\n');
  }

  get #lives(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async docker(...args: string[]): Promise<string> {
    return (await run('docker', ['-H', `unix://${this.socket}`, ...args])).stdout.trim();
  }

  /** Stops everything in it and leaves nothing behind. */
  async close(): Promise<void> {
    if (!this.#lives) await this.start().catch(() => undefined);
    const ids = await this.docker('ps', '-aq').catch(() => '');
    if (ids !== '') await this.docker('rm', '-f', ...ids.split('\n')).catch(() => undefined);
    await this.end('SIGTERM');
    closeSync(this.#log);
    await this.#unmount();
    await run('ip', ['netns', 'del', this.#namespace]).catch(() => undefined);
    for (const own of [this.directory, this.data]) rmSync(own, { recursive: true, force: true });
  }
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** A zombie counts as dead. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
