import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { agentEnvironment } from '../workers/environment.ts';
import { checkProgram } from './check-program.ts';
import { syntaxError } from './syntax-error.ts';

export interface CheckedAgent {
  readonly name: string;
  readonly runtime: 'PYTHON' | 'NODE' | 'NATIVE';
  readonly handler: string;
}

export const isAgentList = (value: unknown): value is readonly CheckedAgent[] =>
  Array.isArray(value) &&
  value.every((one) => typeof one?.name === 'string' && typeof one.handler === 'string' && typeof one.runtime === 'string');

/** `slow` and `exited`: the handler was neither loaded nor refused. */
export interface CheckResult {
  readonly agent: string;
  readonly outcome: 'loaded' | 'failed' | 'exited' | 'slow';
  readonly message: string;
  /** The last part of what it printed. */
  readonly output: string;
}

export interface CheckPlaces {
  /** The directory of the workers' programs. */
  readonly workers: string;
  readonly session: string;
  readonly agents: string;
  /** How long a handler can take to be loaded. */
  readonly limitMs: number;
}

const OUTPUT_BYTES = 8 * 1024;

/** Loads one agent's handler in a worker of its own. */
export async function checkHandler(agent: CheckedAgent, { workers, session, agents, limitMs }: CheckPlaces): Promise<CheckResult> {
  const { name, runtime, handler } = agent;
  const home = `${agents}/${name}`;
  if (runtime === 'NATIVE') {
    const problem = checkProgram(home, name, handler);
    return { agent: name, outcome: problem === undefined ? 'loaded' : 'failed', message: problem ?? '', output: '' };
  }
  const own = `${home}/.venv/bin/python`;
  const [command, ...args] =
    runtime === 'PYTHON'
      ? [existsSync(own) ? own : 'python3', '-s', `${workers}/worker.py`, name, home, handler || 'main.process_message']
      : [process.execPath, `${workers}/worker.mjs`, name, home, handler || 'index.processMessage'];
  const places = { sessionId: '', sessionDirectory: session, agentsDirectory: agents, path: process.env.PATH ?? '' };
  const env = agentEnvironment(places, { space: '', agents: [], environment: {} });
  const result = await new Promise<CheckResult>((resolve) => {
    const child = spawn(command ?? 'python3', args, { cwd: `${session}/workspace`, env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    let printed = Buffer.alloc(0);
    let isOver = false;
    const over = (outcome: CheckResult['outcome'], message: string) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      child.kill('SIGKILL');
      resolve({ agent: name, outcome, message, output: printed.toString('utf8') });
    };
    const timer = setTimeout(() => over('slow', `it was not loaded within ${limitMs / 1000} s`), limitMs);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        printed = Buffer.concat([printed, chunk]).subarray(-OUTPUT_BYTES);
      });
    const channel = child.stdio[3];
    let line = '';
    let failure: string | undefined;
    if (channel instanceof Duplex) {
      channel.on('error', () => undefined);
      channel.setEncoding('utf8').on('data', (text: string) => {
        line += text;
        if (!line.includes('\n')) return;
        const frame = frameIn(line.slice(0, line.indexOf('\n')));
        if (frame?.type === 'ready') over('loaded', '');
        else failure = frame?.message ?? 'its worker printed something else than a frame';
      });
    }
    child.on('error', (error) => over('failed', error.message));
    // After its end, so that all that it printed is there.
    child.on('close', (code, signal) =>
      failure === undefined ? over('exited', signal === null ? `exit code ${code}` : `ended by ${signal}`) : over('failed', failure),
    );
  });
  if (runtime !== 'NODE' || !/SyntaxError/.test(result.output)) return result;
  const located = await syntaxError(home, handler || 'index.processMessage', workers, { cwd: `${session}/workspace`, env });
  return located.includes(home) ? { ...result, output: located } : result;
}

function frameIn(line: string): { readonly type?: string; readonly message?: string } | undefined {
  try {
    const frame: unknown = JSON.parse(line);
    if (typeof frame !== 'object' || frame === null) return undefined;
    const { type, message } = Object.fromEntries(Object.entries(frame));
    return { ...(typeof type === 'string' ? { type } : {}), ...(typeof message === 'string' ? { message } : {}) };
  } catch {
    return undefined;
  }
}
