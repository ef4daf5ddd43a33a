import { Duplex } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';
import { REASONS } from '../reasons.ts';
import { MAX_REPLY_BYTES, type RunEnd, type RunOutput, type RunRequest, type Worker } from '../worker-host.ts';
import { describeEnd, Program, type ProgramEnd, type ProgramOptions, twoTurns } from './program.ts';

/** Of one line from a worker: a reply at its largest, every character escaped. */
const MAX_LINE_CHARACTERS = 8 * MAX_REPLY_BYTES;

const TOO_LARGE: RunEnd = { outcome: 'error', reason: 'reply_too_large', content: REASONS.reply_too_large };

interface Run {
  readonly output: RunOutput;
  readonly end: (end: RunEnd) => void;
}

/** A Python or Node.js agent: one process that answers one message after another. What it says is an agent's word: read with care. */
export class KeptWorker implements Worker {
  readonly #program: Program;
  readonly #clock: Clock;
  readonly #logPath: (runId: string, stream: 'stdout' | 'stderr') => string;
  readonly #channel: Duplex | undefined;
  readonly ended: Promise<unknown>;
  #run: Run | undefined;
  #ran = false;
  #failure: string | undefined;
  #rest = '';

  constructor(options: ProgramOptions, logPath: (runId: string, stream: 'stdout' | 'stderr') => string) {
    this.#clock = options.clock;
    this.#logPath = logPath;
    this.#program = new Program(options);
    const channel = this.#program.child.stdio[3];
    this.#channel = channel instanceof Duplex ? channel : undefined;
    this.#channel?.setEncoding('utf8');
    this.#channel?.on('data', (text: string) => this.#read(text));
    this.#channel?.on('error', () => undefined);
    this.#program.child.stdin?.end();
    this.ended = this.#program.ended.then((end) => this.#died(end));
  }

  get alive(): boolean {
    return this.#program.alive && this.#failure === undefined;
  }

  async run(request: RunRequest, output: RunOutput): Promise<RunEnd> {
    // What the last run printed may still be in the pipes.
    if (this.#ran) await new Promise<void>((resolve) => twoTurns(this.#clock, resolve));
    this.#ran = true;
    return new Promise((resolve) => {
      this.#run = { output, end: resolve };
      this.#program.stdout?.begin(this.#logPath(request.runId, 'stdout'), output);
      this.#program.stderr?.begin(this.#logPath(request.runId, 'stderr'), output);
      if (!this.#program.alive) {
        this.#program.ended.then((end) => this.#died(end));
        return;
      }
      const { runId, message, contextJson } = request;
      // Line ends in JSON are white space; in a protocol of lines they would end the frame.
      const context = contextJson.trim() === '' ? 'null' : contextJson.replace(/[\r\n]/g, ' ');
      const head = JSON.stringify({ type: 'run', run_id: runId, message });
      this.#channel?.write(`${head.slice(0, -1)},"context":${context}}\n`);
    });
  }

  kill(): void {
    this.#program.kill();
  }

  #died(end: ProgramEnd): void {
    const failure = end.kind === 'not-started' ? end.message : this.#failure;
    if (failure !== undefined) this.#end({ outcome: 'error', reason: 'agent_not_started', content: failure });
    else this.#end({ outcome: 'error', reason: 'agent_died', content: describeEnd(end, this.#program.stderr?.lastLine ?? '') });
  }

  #end(end: RunEnd): void {
    const run = this.#run;
    this.#run = undefined;
    run?.end(end);
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#heard(line);
    if (this.#rest.length <= MAX_LINE_CHARACTERS) return;
    this.#rest = '';
    this.#end(TOO_LARGE);
    this.kill();
  }

  #heard(line: string): void {
    const frame = parse(line);
    const { type, text, content, message } = frame;
    if (type === 'ready') return;
    if (type === 'delta' && typeof text === 'string') this.#run?.output.delta(text);
    else if (type === 'reply' && typeof content === 'string') this.#end({ outcome: 'reply', content });
    else if (type === 'error' && typeof message === 'string') {
      const reason = frame.reason === 'reply_too_large' ? 'reply_too_large' : 'agent_failed';
      this.#end({
        outcome: 'error',
        reason,
        content: message === '' && reason !== 'agent_failed' ? 'The reply is longer than 1 MiB.' : message,
      });
    } else {
      if (type === 'failed' && typeof message === 'string') this.#failure = message;
      this.kill();
    }
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
