/** A router as a guest runs it, against a model server that a test scripts. */
import type { Test } from 'tap';
import { ModelRouter } from '../../../../guest/router/model-router.ts';
import type { WorkerEnd } from '../../../../guest/runs/worker-host.ts';
import type { Router__Output as Task } from '../../../../proto/generated/raworc/v0/Router.ts';
import type { Clock } from '../../../../seams/clock.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { type Answer, type Api, type Asked, type ModelServer, modelServer } from '../../../models/model-server.ts';

export const KEY = 'sk-secret-123';

export const agent = (name: string, purpose = '', capabilities: string[] = []) => ({ name, purpose, description: '', capabilities });

/** Waits between retries take no time, and are recorded. */
export function hurried(): { readonly clock: Clock; readonly waits: number[] } {
  const waits: number[] = [];
  const clock: Clock = {
    ...systemClock,
    after: (delayMs, run) => {
      if (delayMs === 1000) return systemClock.after(delayMs, run);
      waits.push(delayMs);
      return systemClock.after(0, run);
    },
  };
  return { clock, waits };
}

export interface Routed {
  readonly end: WorkerEnd;
  readonly deltas: readonly string[];
  readonly asked: readonly Asked[];
  readonly waits: readonly number[];
}

export interface Routing {
  readonly api: Api;
  readonly answer: (asked: Asked, count: number) => Answer;
  readonly task?: Partial<Task>;
  readonly message?: string;
  readonly contextJson?: string;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Called with the router while it runs. */
  readonly meanwhile?: (router: ModelRouter, server: ModelServer) => void;
}

/** Runs one message through a router. */
export async function route(t: Test, routing: Routing): Promise<Routed> {
  const { api, answer, message = 'hello', contextJson = '{}', secrets = { MODEL_KEY: KEY }, meanwhile } = routing;
  const server = await modelServer(answer);
  t.teardown(() => server.close());
  const task: Task = {
    ...{ api, baseUrl: server.base(api), model: 'some/model:8b', keySecret: 'MODEL_KEY', maxTokens: 0, timeoutS: 20 },
    agents: [agent('writer', 'Writes texts'), agent('coder', 'Writes programs', ['python'])],
    ...routing.task,
  };
  const { clock, waits } = hurried();
  const router = new ModelRouter(task, secrets, { clock, random: systemRandom });
  const deltas: string[] = [];
  const running = router.run({ runId: 'run', message, contextJson }, { delta: (text) => deltas.push(text), line: () => undefined });
  meanwhile?.(router, server);
  const end = await running;
  return { end, deltas, asked: server.asked, waits };
}
