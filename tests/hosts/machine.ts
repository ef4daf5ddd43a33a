import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { within } from '../cluster/deadline.ts';
import { Child, childOf } from '../cluster/processes.ts';

const runFile = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const STARTS_WITHIN_MS = 20_000;

/**
 * What a machine's first process does before it becomes an init that reaps. sysfs shows the network
 * devices of the namespace that mounted it, so it is mounted again, with the control groups below.
 * The machine's own directory can be below /var/lib, which is replaced last.
 */
const BOOT = `set -e
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
umount -l "$1/cgroup"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock
mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/etc.work" overlay /etc
mount --bind "$1/lib" /var/lib
echo "$2" > /proc/sys/kernel/hostname
echo "$2" > /etc/hostname
ip link set lo up
echo up
exec docker-init -s -- sleep infinity`;

const NAMESPACES = ['--net', '--mount', '--uts', '--ipc', '--pid'];

/** How a machine starts. */
export interface Init {
  /** Started with the machine's directory and its name. Prints `up` once it is set up, and becomes its first process. */
  readonly boot: string;
  /** What it needs in its directory. */
  readonly directories: readonly string[];
  /** Makes the control groups in which it has a namespace of its own. Undefined: it shares this machine's. */
  readonly groups?: (directory: string) => readonly string[];
}

const REAPER: Init = { boot: BOOT, directories: ['lib', 'etc', 'cgroup'] };

/** Enters the first "$1" control groups of the arguments, and becomes the rest. */
const ENTER = `count=$1; shift
while [ "$count" -gt 0 ]; do echo $$ > "$1/cgroup.procs" || exit; shift; count=$((count - 1)); done
exec "$@"`;

/**
 * A machine within this one: network, mounts, processes and hostname of its own, and an own /run,
 * /var/lib and /etc. The kernel ends all its processes with its first one, and that one ends with
 * the test, so no crash leaves anything running.
 */
export class Machine {
  readonly name: string;
  /** On this machine: what the machine's disk keeps while it is off. */
  readonly directory: string;
  #outer: ChildProcess | undefined;
  readonly #init: Init;
  #pid = 0;

  constructor(name: string, directory: string, init = REAPER) {
    this.name = name;
    this.directory = directory;
    this.#init = init;
  }

  /** Its first process, as seen from this machine. 0: it is off. */
  get pid(): number {
    return this.#pid;
  }

  async start(): Promise<void> {
    const { boot, directories, groups } = this.#init;
    for (const part of directories) mkdirSync(join(this.directory, part), { recursive: true });
    rmSync(join(this.directory, 'etc.work'), { recursive: true, force: true });
    mkdirSync(join(this.directory, 'etc.work'));
    const own = groups?.(this.directory) ?? [];
    const namespaces = [...NAMESPACES, ...(groups === undefined ? [] : ['--cgroup', '--fork'])];
    const first = ['sh', '-c', boot, 'boot', this.directory, this.name];
    const unshare = ['unshare', ...namespaces, '--mount-proc', '--propagation', 'private', '--kill-child', ...first];
    const outer = spawn('setpriv', ['--pdeathsig', 'KILL', 'sh', '-c', ENTER, 'enter', String(own.length), ...own, ...unshare], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#outer = outer;
    let complaints = '';
    outer.stderr.on('data', (chunk) => {
      complaints += String(chunk);
    });
    const up = new Promise<void>((done, fail) => {
      createInterface({ input: outer.stdout }).once('line', () => done());
      outer.once('exit', () => fail(new Error(`the machine ${this.name} does not start: ${complaints}`)));
    });
    await within(`${this.name} to start`, STARTS_WITHIN_MS, up);
    this.#pid = childOf(outer.pid ?? 0);
  }

  /** As when it loses its power: everything that runs on it is gone. */
  async powerOff(): Promise<void> {
    const outer = this.#outer;
    if (outer === undefined) return;
    this.#outer = undefined;
    const gone = outer.exitCode === null && outer.signalCode === null ? once(outer, 'exit') : undefined;
    if (this.#pid > 0) kill(this.#pid, 'SIGKILL');
    else outer.kill('SIGKILL');
    await gone;
    this.#pid = 0;
  }

  /** The same file as the machine's own `path`, with what it has mounted. */
  path(path: string): string {
    return join(`/proc/${this.#pid}/root`, path);
  }

  /** Runs a program there, and resolves with what it prints. */
  async run(command: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await runFile('nsenter', [...this.#inside, command, ...args], { maxBuffer: 64 * 2 ** 20 });
    return stdout.trim();
  }

  /** Starts a program there, in the project's directory or another, with no environment but this. */
  launch(
    name: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    directory = PROJECT,
  ): MachineProcess {
    const inside = [...this.#inside, 'env', '-C', directory, command, ...args];
    return new MachineProcess(new Child(`${this.name} ${name}`, 'nsenter', inside, { PATH: process.env.PATH ?? '', ...env }, directory));
  }

  /** What stands before a command that shall run there. The process that it starts is nsenter, which waits for its child. */
  get entrance(): readonly string[] {
    return ['nsenter', ...this.#inside, 'env', '-C', PROJECT];
  }

  get #inside(): readonly string[] {
    if (this.#pid === 0) throw new Error(`the machine ${this.name} is off`);
    const groups = this.#init.groups === undefined ? [] : ['-C'];
    return ['-t', String(this.#pid), '-n', '-m', '-u', '-i', '-p', ...groups, '--'];
  }
}

/** A process on a machine. The child that we started is nsenter, which waits for it. */
export class MachineProcess {
  readonly child: Child;

  constructor(child: Child) {
    this.child = child;
  }

  get pid(): number {
    const pid = childOf(this.child.pid);
    if (pid === 0) throw new Error(`${this.child.name} does not run`);
    return pid;
  }

  /** Sends the signal, and resolves once it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM', limitMs = 30_000): Promise<string> {
    if (this.child.running) kill(childOf(this.child.pid), signal);
    return this.child.ended(limitMs);
  }

  stop(): void {
    kill(this.pid, 'SIGSTOP');
  }

  /** nsenter stops with what it started. */
  continue(): void {
    kill(this.pid, 'SIGCONT');
    kill(this.child.pid, 'SIGCONT');
  }
}

/** A process that is gone is ignored. */
function kill(pid: number, signal: NodeJS.Signals): void {
  if (pid <= 0) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
