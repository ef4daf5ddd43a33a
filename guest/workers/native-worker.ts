import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { LogFile } from '../logs/log-files.ts';
import { REASONS } from '../runs/reasons.ts';
import { MAX_REPLY_BYTES, type RunEnd, type RunOutput, type RunRequest, type Worker } from '../runs/worker-host.ts';
import { isDiskFull } from '../volume/disk-full.ts';
import type { Bounded } from './bounds/bounds.ts';
import { describeEnd, INTERRUPTION_MS, Program, type ProgramOptions } from './program.ts';
import { programCandidates } from './program-candidates.ts';

/**
 * Longer strings cannot be passed as an argument or variable. They are only on standard input and
 * in the file.
 */
const MAX_STRING_BYTES = 64 * 1024;

/**
 * Any program: one process per message, which is its standard input; its standard output is the
 * reply.
 */
export class NativeWorker implements Worker, Bounded {
  readonly alive = true;
  readonly #common: Omit<ProgramOptions, 'command' | 'args'>;
  readonly #home: string;
  readonly #spec: AgentSpec;
  readonly #logFile: (runId: string, stream: 'stdout' | 'stderr' | 'context') => LogFile;
  #program: Program | undefined;
  #exceeded: RunEnd | undefined;

  constructor(
    common: Omit<ProgramOptions, 'command' | 'args'>,
    home: string,
    agent: AgentSpec,
    logFile: (runId: string, stream: 'stdout' | 'stderr' | 'context') => LogFile,
  ) {
    this.#common = common;
    this.#home = home;
    this.#spec = agent;
    this.#logFile = logFile;
  }

  get agent(): string {
    return this.#spec.name;
  }

  /** 0 while no program runs. */
  get pid(): number {
    return this.#program?.alive ? (this.#program.child.pid ?? 0) : 0;
  }

  get group(): number | undefined {
    return this.#program?.group;
  }

  get memoryBytes(): number {
    return this.#spec.memoryBytes;
  }

  exceeded(reason: 'process_limit' | 'memory_limit', why: string): void {
    this.#exceeded = { outcome: 'error', reason, content: why };
  }

  async run(request: RunRequest, output: RunOutput): Promise<RunEnd> {
    const { name, handler } = this.#spec;
    const candidates = programCandidates(this.#home, name, handler);
    const command = candidates.map((one) => join(this.#home, one)).find(isProgram);
    if (command === undefined) {
      return {
        outcome: 'error',
        reason: 'agent_not_started',
        content: `The agent has no program to run: none of these is an executable file: ${candidates.join(', ')}.`,
      };
    }
    let contextFile = `/tmp/raworc-context-${request.runId}.json`;
    try {
      try {
        writeFileSync(contextFile, request.contextJson, { flag: 'wx', mode: 0o644 });
      } catch (fault) {
        // An agent can have filled /tmp.
        if (!isDiskFull(fault)) throw fault;
        rmSync(contextFile, { force: true });
        contextFile = this.#logFile(request.runId, 'context').path;
        writeFileSync(contextFile, request.contextJson, { flag: 'wx', mode: 0o644 });
      }
      return await this.#answer(command, contextFile, request, output);
    } catch (fault) {
      return { outcome: 'error', reason: 'agent_not_started', content: fault instanceof Error ? fault.message : String(fault) };
    } finally {
      rmSync(contextFile, { force: true });
    }
  }

  kill(): void {
    this.#program?.kill();
  }

  interrupt(): void {
    const program = this.#program;
    if (!program?.interrupt('SIGTERM')) return;
    const timer = this.#common.clock.after(INTERRUPTION_MS, () => program.kill());
    void program.ended.then(() => timer.cancel());
  }

  async #answer(command: string, contextFile: string, request: RunRequest, output: RunOutput): Promise<RunEnd> {
    const { runId, message, contextJson } = request;
    const short = (text: string) => Buffer.byteLength(text) <= MAX_STRING_BYTES && !text.includes('\0');
    const environment = {
      ...this.#common.environment,
      RAWORC_HANDLER: this.#spec.handler,
      RAWORC_CONTEXT_FILE: contextFile,
      ...(short(contextJson) ? { AGENT_CONTEXT: contextJson } : {}),
      ...(short(message) ? { AGENT_MESSAGE: message } : {}),
    };
    const program = new Program({ ...this.#common, environment, command, args: short(message) ? [message] : [] }, false);
    this.#program = program;
    this.#exceeded = undefined;
    program.stderr?.begin(this.#logFile(runId, 'stderr'), output);
    program.noteMemoryKills(this.agent);
    const pieces: Buffer[] = [];
    let bytes = 0;
    program.output?.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > MAX_REPLY_BYTES) program.kill();
      else pieces.push(chunk);
    });
    program.child.stdin?.end(message);
    const end = await program.ended;
    if (this.#exceeded !== undefined) return this.#exceeded;
    const forMemory = program.killedForMemory(end, this.agent);
    if (forMemory !== undefined) return { outcome: 'error', reason: 'out_of_memory', content: forMemory };
    program.noteMemoryKills(this.agent);
    if (bytes > MAX_REPLY_BYTES) return { outcome: 'error', reason: 'reply_too_large', content: REASONS.reply_too_large };
    if (end.kind === 'not-started')
      return { outcome: 'error', reason: 'agent_not_started', content: end.message, ...(end.isAtLimit ? { canStartAgain: true } : {}) };
    if (end.code === 0) return { outcome: 'reply', content: Buffer.concat(pieces).toString() };
    const reason = end.code === null ? 'agent_died' : 'agent_failed';
    return { outcome: 'error', reason, content: describeEnd(end, program.stderr?.lastLine ?? '') };
  }
}

function isProgram(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && (found.mode & 0o111) !== 0;
}
