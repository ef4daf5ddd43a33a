import { existsSync } from 'node:fs';
import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import { isAsRoot } from '../../proto/streams/files-request.ts';
import type { Clock } from '../../seams/clock.ts';
import { FilesHelper } from '../files/files-helper.ts';
import { LogFiles } from '../logs/log-files.ts';
import { REASONS } from '../runs/reasons.ts';
import type { LimitReached, Setup, Worker, WorkerHost } from '../runs/worker-host.ts';
import type { StreamRelay } from '../streams/stream-kinds.ts';
import { DirectoryFault, mendDirectories } from '../volume/volume.ts';
import { type Bounded, Bounds } from './bounds/bounds.ts';
import { Cgroup } from './bounds/cgroup.ts';
import { Groups } from './bounds/groups.ts';
import { type CommandOptions, type NotStarted, type StartCommand, startCommand } from './command.ts';
import { agentEnvironment, type Places } from './environment.ts';
import { KeptWorker } from './kept-worker.ts';
import { NativeWorker } from './native-worker.ts';
import type { ProgramOptions } from './program.ts';
import type { TerminalBinding } from './terminals/binding.ts';
import { type StartKept, startKept } from './terminals/kept-command.ts';
import type { User } from './user.ts';
import { workstationUser } from './workstation-user.ts';

export interface ProcessesOptions {
  readonly places: Places;
  readonly user: User | undefined;
  /** Where worker.py and worker.mjs are. */
  readonly workersDirectory: string;
  /** The program that works on files. */
  readonly filesProgram?: string;
  readonly clock: Clock;
  /** Undefined where there are no terminals. */
  readonly binding?: TerminalBinding | undefined;
  /**
   * The limit of processes of all agents, in a container with a higher limit and no other programs.
   * Undefined: no limit.
   */
  readonly processes?: number | undefined;
  /** Whether commands run as `user` or root in a root of their own. */
  readonly isWorkstation?: boolean | undefined;
}

/** Runs agents as processes. */
export class Processes implements WorkerHost {
  readonly #options: ProcessesOptions;
  readonly #workers = new Set<Worker>();
  readonly #logs: LogFiles;
  readonly #bounds: Bounds | undefined;
  readonly #groups: Groups | undefined;
  #limit: (what: LimitReached) => void = () => undefined;
  #isWorking = false;
  #commands = 0;
  readonly #files = new Map<'user' | 'root', FilesHelper>();

  constructor(options: ProcessesOptions) {
    this.#options = options;
    this.#logs = new LogFiles(`${options.places.sessionDirectory}/logs`);
    const { clock, processes, user } = options;
    if (processes === undefined || user === undefined) return;
    this.#groups = new Groups(user);
    const groups = this.#groups;
    const workers = () => this.#bounded();
    this.#bounds = new Bounds({ cgroup: new Cgroup(), groups, clock, processes, workers, reached: (what) => this.#limit(what) });
  }

  onLimit(listener: (what: LimitReached) => void): void {
    this.#limit = listener;
  }

  makeRoom(): Promise<void> | undefined {
    return this.#bounds?.makeRoom();
  }

  working(isWorking: boolean): void {
    this.#isWorking = isWorking;
    this.#bounds?.working(isWorking || this.#commands > 0);
  }

  /** Starts a program that belongs to no agent. It gets no secrets; the host names the space. */
  readonly startCommand: StartCommand = (request) => {
    const options = this.#commandOptions(request.asRoot);
    return 'fault' in options ? options : startCommand(request, options);
  };

  /** Starts a program that the guest keeps, on a terminal or with pipes. */
  readonly startKept: StartKept = async (request) => {
    const options = this.#commandOptions(request.asRoot);
    return 'fault' in options ? options : startKept(request, { ...options, binding: this.#options.binding });
  };

  #commandOptions(asRoot: boolean): CommandOptions | NotStarted {
    const { places, user, isWorkstation = false } = this.#options;
    if (asRoot && !isWorkstation) return { fault: 'Only in a workstation can a command run as root.', exitCode: 126 };
    const own = isWorkstation ? workstationUser(user, asRoot, places) : undefined;
    return {
      workspace: own?.home ?? `${places.sessionDirectory}/workspace`,
      environment: own?.environment ?? agentEnvironment(places, { space: '', agents: [], environment: {} }),
      ...(own === undefined ? { user, groups: this.#groups } : { user: own.user, groups: undefined }),
      prepare: () => mendDirectories({ directory: places.sessionDirectory, user }),
      running: (isRunning) => this.#running(isRunning),
    };
  }

  /** Passes a stream on to the process that works on files as the session's user, or as root. */
  readonly relayFiles: StreamRelay = (link, open) => {
    const asRoot = isAsRoot(open.parametersJson);
    if (asRoot && this.#options.isWorkstation !== true) throw new Error('only in a workstation can files be worked on as root');
    return this.#filesHelper(asRoot ? 'root' : 'user').relay(link, open);
  };

  #filesHelper(as: 'user' | 'root'): FilesHelper {
    const known = this.#files.get(as);
    if (known !== undefined) return known;
    const { places, user, clock, filesProgram, isWorkstation = false } = this.#options;
    if (filesProgram === undefined) throw new Error('this guest has no program for files');
    const helper = new FilesHelper({
      user: isWorkstation ? workstationUser(user, as === 'root', places).user : user,
      // In a workstation, files belong to the group of their user.
      groups: isWorkstation ? undefined : this.#groups,
      ...{ clock, program: filesProgram, sessionDirectory: places.sessionDirectory, path: places.path },
      prepare: () => mendDirectories({ directory: places.sessionDirectory, user }),
      running: (isRunning) => this.#running(isRunning),
    });
    this.#files.set(as, helper);
    return helper;
  }

  #running(isRunning: boolean): void {
    this.#commands += isRunning ? 1 : -1;
    this.working(this.#isWorking);
  }

  start(agent: AgentSpec, setup: Setup): Worker {
    const worker = this.#tryToStart(agent, setup);
    for (const old of this.#workers) if (!old.alive) this.#workers.delete(old);
    this.#workers.add(worker);
    return worker;
  }

  /** Kills all workers. */
  close(): void {
    this.#bounds?.close();
    for (const helper of this.#files.values()) helper.close();
    for (const worker of this.#workers) worker.kill();
    this.#workers.clear();
  }

  *#bounded(): Iterable<Bounded> {
    for (const worker of this.#workers) if (hasProcess(worker)) yield worker;
  }

  #tryToStart(agent: AgentSpec, setup: Setup): Worker {
    try {
      return this.#start(agent, setup);
    } catch (fault) {
      return cannotStart(fault);
    }
  }

  #start(agent: AgentSpec, setup: Setup): Worker {
    const { places, user, workersDirectory, clock } = this.#options;
    const home = `${places.agentsDirectory}/${agent.name}`;
    const logFile = (runId: string, stream: string) => this.#logs.file(agent.name, runId, stream);
    const prepare = () => mendDirectories({ directory: places.sessionDirectory, user });
    const common = {
      directory: `${places.sessionDirectory}/workspace`,
      environment: agentEnvironment(places, setup),
      user,
      clock,
      bounds: this.#bounds,
      groups: this.#groups,
      prepare,
    };
    const kept = (command: string, program: string, handler: string, ...flags: string[]) => {
      const args = [...flags, `${workersDirectory}/${program}`, agent.name, home, handler];
      const options: ProgramOptions = { ...common, command, args };
      return new KeptWorker(agent, options, logFile);
    };
    switch (agent.runtime) {
      case 'PYTHON': {
        const own = `${home}/.venv/bin/python`;
        // -s: all agents of the session share HOME, so one agent's usercustomize.py would run in
        // all of them.
        return kept(existsSync(own) ? own : 'python3', 'worker.py', agent.handler || 'main.process_message', '-s');
      }
      case 'NODE':
        return kept(process.execPath, 'worker.mjs', agent.handler || 'index.processMessage');
      case 'NATIVE':
        return new NativeWorker(common, home, agent, logFile);
      case 'RUNTIME_UNSPECIFIED':
        return unsupported;
      default:
        return agent.runtime satisfies never;
    }
  }
}

const hasProcess = (worker: Worker): worker is KeptWorker | NativeWorker =>
  (worker instanceof KeptWorker || worker instanceof NativeWorker) && worker.pid !== 0;

const unable = (reason: 'unsupported_runtime' | 'agent_not_started', content: string = REASONS[reason]): Worker => ({
  alive: false,
  run: async () => ({ outcome: 'error', reason, content }),
  kill: () => undefined,
  interrupt: () => undefined,
});
const unsupported = unable('unsupported_runtime');

/**
 * A worker that could not be started. Shows only the kernel's error code: messages can quote
 * arguments, and so secrets.
 */
function cannotStart(fault: unknown): Worker {
  if (fault instanceof DirectoryFault) return unable('agent_not_started', fault.message);
  const code = fault instanceof Error && 'syscall' in fault && 'code' in fault ? String(fault.code) : '';
  if (code === 'E2BIG')
    return unable('agent_not_started', "The space's secrets do not fit into a process's environment. Delete or shorten some.");
  return unable('agent_not_started', `The agent's process cannot be started${code === '' ? '' : `: ${code}`}.`);
}
