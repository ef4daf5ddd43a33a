import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../seams/system.ts';

const run = promisify(execFile);
const UP_WITHIN_MS = 60_000;

/** A Docker engine of the test's own, in a network namespace of its own, that may be killed and started as the test likes. */
export class OwnEngine {
  readonly directory = mkdtempSync('/tmp/re-');
  readonly #namespace = this.directory.replace(/^.*\//, '');
  /** What it prints. */
  readonly #log = openSync(join(this.directory, 'log'), 'a');
  #process: ChildProcess | undefined;

  get socket(): string {
    return join(this.directory, 'docker.sock');
  }

  /** Resolves once it answers. */
  async start(...flags: string[]): Promise<void> {
    if (this.#process === undefined) await run('ip', ['netns', 'add', this.#namespace]);
    // Where nobody reaps what an engine that was killed has left, this would pass for a containerd that still runs.
    rmSync(join(this.directory, 'exec/containerd/containerd.pid'), { force: true });
    const path = (name: string) => join(this.directory, name);
    // Entered by its file: `ip netns exec` would hide the cgroups.
    const command = ['--net=/run/netns/'.concat(this.#namespace), 'dockerd', '--data-root', path('data'), '--exec-root', path('exec')];
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

  /** Resolves once its process is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const engine = this.#process;
    if (engine === undefined || !this.#lives) return;
    const gone = once(engine, 'exit');
    engine.kill(signal);
    await gone;
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

  /** Ends what runs in it, and leaves nothing. */
  async close(): Promise<void> {
    if (!this.#lives) await this.start().catch(() => undefined);
    const ids = await this.docker('ps', '-aq').catch(() => '');
    if (ids !== '') await this.docker('rm', '-f', ...ids.split('\n')).catch(() => undefined);
    await this.end('SIGTERM');
    closeSync(this.#log);
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    for (const line of mounts.reverse()) {
      const [, place = ''] = line.split(' ');
      if (place.startsWith(`${this.directory}/`)) await run('umount', ['-l', place]).catch(() => undefined);
    }
    await run('ip', ['netns', 'del', this.#namespace]).catch(() => undefined);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
