import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Service, ServiceState } from '../../systemd/upgrade/service.ts';
import { START_ENVIRONMENT } from '../start-environment.ts';
import { childOf } from './processes.ts';

/** Prints each notification as one line. Node.js has no datagram sockets. */
const RECEIVER = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("up", flush=True)
while True:
  print(s.recv(4096).decode().replace("\\n", "\\t"), flush=True)`;

/**
 * Runs the start line of a unit as systemd does: Type=notify, WatchdogSec=, Restart=always and
 * Environment=. For machines where PID 1 is not systemd.
 */
export class Supervisor implements Service {
  readonly lines: string[] = [];
  readonly #unit: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #entrance: readonly string[];
  readonly #directory: string;
  readonly #receiver: ChildProcess;
  readonly #listening: Promise<void>;
  readonly #looks = new Set<() => void>();
  #child: ChildProcess | undefined;
  #isStopping = false;
  #isReady = false;
  #status = '';
  #watchdog: NodeJS.Timeout | undefined;
  #restarts = 0;
  #exits = 0;
  watchdogKills = 0;

  /**
   * `entrance`: a command that runs another one elsewhere as its child, and waits for it. The path
   * of `parent` is short, since the path of a socket has at most 107 bytes.
   */
  constructor(unit: string, env: Readonly<Record<string, string>>, entrance: readonly string[] = [], parent = '/tmp') {
    this.#directory = mkdtempSync(join(parent, 'rs-'));
    this.#unit = unit;
    this.#env = env;
    this.#entrance = entrance;
    this.#receiver = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'python3', '-c', RECEIVER, join(this.#directory, 's')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#listening = new Promise((resolve) => {
      if (this.#receiver.stdout === null) return;
      createInterface({ input: this.#receiver.stdout }).on('line', (line) => {
        if (line === 'up') resolve();
        else for (const assignment of line.split('\t')) this.#notified(assignment);
      });
    });
  }

  get pid(): number {
    const pid = this.#child?.pid ?? 0;
    return this.#entrance.length === 0 ? pid : childOf(pid);
  }

  async restart(withinMs = 60_000): Promise<boolean> {
    await this.#listening;
    await this.stop();
    this.#isStopping = false;
    this.#restarts = 0;
    const exits = this.#exits;
    this.#start();
    await Promise.race([this.until(() => this.#isReady || this.#exits > exits), delay(withinMs, undefined, { ref: false })]);
    return this.#isReady;
  }

  async state(): Promise<ServiceState> {
    return { isActive: this.#isReady, restarts: this.#restarts, status: this.#status };
  }

  /** Resolves once the daemon has been restarted by itself that often, and is ready. */
  restarted(times: number): Promise<void> {
    return this.until(() => this.#restarts >= times && this.#isReady);
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const exits = this.#exits;
    if (this.#child === undefined) return;
    this.#kill('SIGTERM');
    await this.until(() => this.#exits > exits);
  }

  async close(): Promise<void> {
    this.#isStopping = true;
    this.#kill('SIGKILL');
    await this.until(() => this.#child === undefined);
    this.#receiver.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #start(): void {
    const [command = '', ...args] = words(this.#directive('ExecStart')[0] ?? '');
    const env: Record<string, string> = {
      ...START_ENVIRONMENT,
      NOTIFY_SOCKET: join(this.#directory, 's'),
      WATCHDOG_USEC: String(this.#watchdogMs() * 1000),
    };
    for (const assignment of this.#directive('Environment').flatMap(words)) {
      const at = assignment.indexOf('=');
      env[assignment.slice(0, at)] = assignment.slice(at + 1);
    }
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...this.#entrance, command, ...args], {
      env: { ...env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    child.once('close', () => void this.#ended());
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid > 0) process.kill(pid, signal);
    else this.#child?.kill(signal);
  }

  async #ended(): Promise<void> {
    this.#child = undefined;
    this.#isReady = false;
    this.#status = '';
    clearTimeout(this.#watchdog);
    this.#exits += 1;
    this.#look();
    if (this.#isStopping || this.#directive('Restart')[0] !== 'always') return;
    await delay(Number(this.#directive('RestartSec')[0]) * 1000);
    if (this.#isStopping || this.#child !== undefined) return;
    this.#restarts += 1;
    this.#start();
  }

  #notified(assignment: string): void {
    if (assignment === 'READY=1') this.#isReady = true;
    if (assignment.startsWith('STATUS=')) this.#status = assignment.slice('STATUS='.length);
    if (assignment === 'STOPPING=1') this.#isReady = false;
    if (assignment === 'READY=1' || assignment === 'WATCHDOG=1') {
      clearTimeout(this.#watchdog);
      const { pid } = this;
      this.#watchdog = setTimeout(() => {
        if (this.pid !== pid) return;
        this.watchdogKills += 1;
        this.#kill('SIGKILL');
      }, this.#watchdogMs());
    }
    this.#look();
  }

  #watchdogMs(): number {
    return Number(this.#directive('WatchdogSec')[0]) * 1000;
  }

  #directive(name: string): string[] {
    return this.#unit.split('\n').flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));
  }

  #look(): void {
    for (const look of [...this.#looks]) look();
  }
}

/** Splits a line of a unit into words, as systemd does. */
export function words(line: string): string[] {
  return [...line.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, quoted, plain = '']) =>
    (quoted?.replaceAll(/\\(.)/g, '$1') ?? plain).replaceAll('%%', '%').replaceAll('$$', '$'),
  );
}
