import { Duplex } from 'node:stream';
import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { LogFile } from '../logs/log-files.ts';
import { REASONS } from '../runs/reasons.ts';
import {
  MAX_REPLY_BYTES,
  type Peers,
  type RunEnd,
  type RunOutput,
  type RunRequest,
  type Worker,
  type WorkerEnd,
} from '../runs/worker-host.ts';
import type { Bounded } from './bounds/bounds.ts';
import { describeEnd, INTERRUPTION_MS, Program, type ProgramEnd, type ProgramOptions, twoTurns } from './program.ts';
import { RunAsks } from './run-asks.ts';

/** Longest line from a worker: the largest reply with every character escaped. */
const MAX_LINE_CHARACTERS = 8 * MAX_REPLY_BYTES;

/**
 * Node.js waits for ever at its start if the kernel refuses it a thread. Looked for this often until
 * the process is ready.
 */
const START_LOOK_MS = 5000;

const TOO_LARGE: RunEnd = { outcome: 'error', reason: 'reply_too_large', content: REASONS.reply_too_large };

const notStarted = (content: string) => ({ outcome: 'error', reason: 'agent_not_started', content }) as const;

interface Run {
  readonly id: string;
  readonly message: string;
  readonly output: RunOutput;
  readonly asks: RunAsks;
  readonly end: (end: WorkerEnd) => void;
}

/**
 * A Python or Node.js agent: one process that answers one message after another. Its frames are not
 * trusted and can come from a child process: a frame counts only for the run that it names.
 */
export class KeptWorker implements Worker, Bounded {
  readonly agent: string;
  readonly memoryBytes: number;
  readonly #program: Program;
  readonly #clock: Clock;
  readonly #logFile: (runId: string, stream: 'stdout' | 'stderr') => LogFile;
  readonly #channel: Duplex | undefined;
  readonly ended: Promise<unknown>;
  #run: Run | undefined;
  /** Resolves once the output of the last run, up to its end, has been read. */
  #reading: Promise<void> | undefined;
  #ready = false;
  /** Waits until the process is ready. */
  #unsent: RunRequest | undefined;
  #failure: string | undefined;
  /** The reason for its end, if it was killed. */
  #verdict: RunEnd | undefined;
  /** Bytes of the incomplete line. */
  #pieces: string[] = [];
  #lineCharacters = 0;
  #deltaBytes = 0;
  #interruption: Timer | undefined;
  #start: Timer | undefined;

  constructor(
    { name, memoryBytes }: Pick<AgentSpec, 'name' | 'memoryBytes'>,
    options: ProgramOptions,
    logFile: (runId: string, stream: 'stdout' | 'stderr') => LogFile,
  ) {
    this.agent = name;
    this.memoryBytes = memoryBytes;
    this.#clock = options.clock;
    this.#logFile = logFile;
    this.#program = new Program(options);
    const channel = this.#program.child.stdio[3];
    this.#channel = channel instanceof Duplex ? channel : undefined;
    this.#channel?.setEncoding('utf8');
    this.#channel?.on('data', (text: string) => this.#read(text));
    this.#channel?.on('error', () => undefined);
    // It has closed the channel and is exiting. Do not wait for that indefinitely.
    this.#channel?.on('end', () => {
      if (this.#program.alive) this.#interruption ??= this.#clock.after(INTERRUPTION_MS, () => this.kill());
    });
    this.#program.child.stdin?.end();
    this.ended = this.#program.ended.then((end) => this.#died(end));
    this.#watchStart();
  }

  /** 0 if it could not be started. */
  get pid(): number {
    return this.#program.child.pid ?? 0;
  }

  get group(): number | undefined {
    return this.#program.group;
  }

  exceeded(reason: 'process_limit' | 'memory_limit', why: string): void {
    this.#verdict = { outcome: 'error', reason, content: why };
    if (this.#run === undefined) this.#program.stderr?.note(`raworc: ${why}`);
  }

  get alive(): boolean {
    return this.#program.alive && this.#failure === undefined;
  }

  async run(request: RunRequest, output: RunOutput, peers: Peers): Promise<WorkerEnd> {
    if (this.#reading !== undefined) await this.#reading;
    return new Promise((resolve) => {
      const { runId: id, message } = request;
      this.#run = { id, message, output, asks: new RunAsks(id, peers, this.#channel), end: resolve };
      this.#deltaBytes = 0;
      this.#program.stdout?.begin(this.#logFile(request.runId, 'stdout'), output);
      this.#program.stderr?.begin(this.#logFile(request.runId, 'stderr'), output);
      if (this.#program.alive) this.#sendOnceReady(request);
      else this.#program.ended.then((end) => this.#died(end));
      // Last, since the agent is at work by now.
      this.#program.noteMemoryKills(this.agent);
    });
  }

  /** Writing to a process that has just ended would close the channel, with its last frame unread. */
  #sendOnceReady(request: RunRequest): void {
    if (this.#ready) this.#send(request);
    else this.#unsent = request;
  }

  #send({ runId, message, contextJson }: RunRequest): void {
    // Line breaks are white space in JSON, but would end the frame here.
    const context = contextJson.trim() === '' ? 'null' : contextJson.replace(/[\r\n]/g, ' ');
    const head = JSON.stringify({ type: 'run', run: runId, message });
    this.#channel?.write(`${head.slice(0, -1)},"context":${context}}\n`);
  }

  kill(): void {
    this.#program.kill();
  }

  interrupt(): void {
    if (this.#interruption !== undefined) return;
    if (this.#run === undefined || !this.#program.interrupt('SIGINT')) this.kill();
    else this.#interruption = this.#clock.after(INTERRUPTION_MS, () => this.kill());
  }

  #watchStart(): void {
    this.#start = this.#clock.after(START_LOOK_MS, () => {
      if (this.#program.lackedProcesses === undefined) this.#watchStart();
      else this.kill();
    });
  }

  #died(end: ProgramEnd): void {
    this.#start?.cancel();
    const forMemory = this.#program.killedForMemory(end, this.agent);
    if (forMemory !== undefined) this.#verdict ??= { outcome: 'error', reason: 'out_of_memory', content: forMemory };
    const failure = end.kind === 'not-started' ? end.message : this.#failure;
    const how = failure ?? describeEnd(end, this.#program.stderr?.lastLine ?? '');
    const lacked = this.#ready ? undefined : this.#program.lackedProcesses;
    if (this.#verdict !== undefined) this.#end(this.#verdict);
    else if (end.kind === 'not-started' && end.isAtLimit) this.#end({ ...notStarted(how), canStartAgain: true });
    else if (lacked !== undefined) this.#end({ ...notStarted(`${lacked} ${how}`), canStartAgain: true });
    else if (failure !== undefined) this.#end(notStarted(how));
    else this.#end({ outcome: 'error', reason: 'agent_died', content: how });
  }

  #end(end: WorkerEnd): void {
    // After an interruption, the outcome is the end of the run, not an error that it reports.
    if (this.#interruption !== undefined && this.#program.alive) {
      this.kill();
      if (end.outcome === 'error') return;
    }
    this.#interruption?.cancel();
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    run.asks.end();
    run.end(end);
    const reading = new Promise<void>((resolve) => twoTurns(this.#clock, resolve)).then(() => {
      // Printed after the answer, but still in the log of this run.
      this.#program.noteMemoryKills(this.agent);
      if (this.#reading === reading) this.#reading = undefined;
    });
    this.#reading = reading;
  }

  #read(text: string): void {
    const [first = '', ...more] = text.split('\n');
    this.#add(first);
    for (const piece of more) {
      const line = this.#pieces.join('');
      this.#pieces = [];
      this.#lineCharacters = 0;
      this.#receive(line);
      this.#add(piece);
    }
    if (this.#lineCharacters > MAX_LINE_CHARACTERS) this.#tooLarge();
  }

  #add(piece: string): void {
    this.#pieces.push(piece);
    this.#lineCharacters += piece.length;
  }

  #tooLarge(): void {
    this.#pieces = [];
    this.#lineCharacters = 0;
    this.#end(TOO_LARGE);
    this.kill();
  }

  #receive(line: string): void {
    const frame = parse(line);
    const { type, run } = frame;
    if (type === 'delta' || type === 'ask' || type === 'drop' || type === 'reply' || type === 'handoff' || type === 'error') {
      if (this.#run !== undefined && run === this.#run.id) this.#receiveOf(this.#run, frame);
    } else if (type === 'ready') {
      this.#ready = true;
      if (this.#unsent !== undefined && this.#run !== undefined) this.#send(this.#unsent);
      this.#unsent = undefined;
      this.#start?.cancel();
    } else {
      if (type === 'failed' && !this.#ready && typeof frame.message === 'string') this.#failure = frame.message;
      this.kill();
    }
  }

  #receiveOf({ output, asks, message: given }: Run, frame: Record<string, unknown>): void {
    const { type, text, content, message, reason, agent, ask } = frame;
    if (type === 'delta' && typeof text === 'string') {
      this.#deltaBytes += Buffer.byteLength(text);
      if (this.#deltaBytes > MAX_REPLY_BYTES) this.#tooLarge();
      else output.delta(text);
    } else if (type === 'ask' && typeof ask === 'number' && typeof agent === 'string' && typeof content === 'string') {
      if (!asks.ask(ask, agent, content)) this.kill();
    } else if (type === 'drop' && typeof ask === 'number') asks.drop(ask);
    else if (type === 'handoff' && typeof agent === 'string') {
      this.#end({ outcome: 'handoff', agent, content: typeof content === 'string' ? content : given });
    } else if (type === 'reply' && typeof content === 'string') this.#end({ outcome: 'reply', content });
    else if (type === 'error' && reason === 'reply_too_large') this.#end(TOO_LARGE);
    else if (type === 'error' && typeof message === 'string') this.#end({ outcome: 'error', reason: 'agent_failed', content: message });
    else this.kill();
  }
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
