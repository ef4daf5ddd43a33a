/** Agents' programs for real, as a guest starts them, in directories of the test's own. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Peers, RunOutput, Worker, WorkerEnd } from '../../../guest/runs/worker-host.ts';
import { prepareVolume } from '../../../guest/volume/volume.ts';
import { Processes } from '../../../guest/workers/processes.ts';
import type { AgentSpec__Output as AgentSpec } from '../../../proto/generated/raworc/v0/AgentSpec.ts';
import { systemClock } from '../../../seams/system.ts';

export const workersDirectory = join(import.meta.dirname, '..', '..', '..', 'guest', 'workers');
export const path = '/usr/local/bin:/usr/bin:/bin';

interface Stage {
  readonly directory: string;
  start(spec: Partial<AgentSpec> & { name: string }, files: Record<string, string>, environment?: Record<string, string>): Worker;
}

export function stage(t: Test): Stage {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-guest-'));
  const agentsDirectory = join(directory, 'agents');
  const sessionDirectory = join(directory, 'session');
  mkdirSync(sessionDirectory);
  prepareVolume({ directory: sessionDirectory, agentsDirectory, user: undefined });
  const places = { sessionId: 'session-1', sessionDirectory, agentsDirectory, path };
  const processes = new Processes({ places, user: undefined, workersDirectory, clock: systemClock });
  t.teardown(() => {
    processes.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    directory,
    start(spec, files, environment = {}) {
      const home = join(agentsDirectory, spec.name);
      mkdirSync(home, { recursive: true });
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(home, name), content);
        if (content.startsWith('#!')) chmodSync(join(home, name), 0o755);
      }
      const agent: AgentSpec = { runtime: 'PYTHON', handler: '', idempotent: false, timeoutS: 0, memoryBytes: 0, concurrency: 0, ...spec };
      return processes.start(agent, { space: 'default', agents: [agent], environment });
    },
  };
}

export const nobody: Peers = { ask: async () => ({ outcome: 'error', reason: 'agent_unknown', content: 'nobody' }) };

let runs = 0;
export interface Ran {
  readonly runId: string;
  readonly end: WorkerEnd;
  readonly deltas: string[];
  readonly lines: string[];
}
export async function run(
  worker: Worker,
  message: string,
  contextJson = '{"session_id":"s"}',
  also: Partial<RunOutput> & { readonly runId?: string; readonly peers?: Peers } = {},
): Promise<Ran> {
  runs += 1;
  const { runId = `run-${runs}` } = also;
  const deltas: string[] = [];
  const lines: string[] = [];
  const output: RunOutput = {
    delta: (text) => {
      deltas.push(text);
      also.delta?.(text);
    },
    line: (stream, line) => {
      lines.push(`${stream} ${line}`);
      also.line?.(stream, line);
    },
  };
  return { runId, end: await worker.run({ runId, message, contextJson }, output, also.peers ?? nobody), deltas, lines };
}

export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

export function isRunning(pid: string | undefined): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Log files are written behind the answer's back. Resolves once this one has that content; the test's own limit is the bound. */
export async function logged(directory: string, name: string, content: string): Promise<void> {
  const file = join(directory, 'session', 'logs', name);
  while (!existsSync(file) || readFileSync(file, 'utf8') !== content) await turn();
}

export const reply = (content: string) => ({ outcome: 'reply', content });
export const failed = (reason: string, content: string | RegExp) => ({ outcome: 'error', reason, content });
