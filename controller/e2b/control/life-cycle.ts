import { type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { OnTimeout } from '../../domain/sandboxes/rows.ts';
import { sendRefusal } from '../answers.ts';
import type { ControlExchange, E2bDeps } from '../exchange.ts';
import { answer, bodyOf, nothing } from './control-answers.ts';
import type { ControlRoute } from './control-route.ts';
import { detailObject, sandboxObject } from './objects.ts';
import {
  createRequest,
  endRequest,
  forkRequest,
  pauseRequest,
  refreshRequest,
  refusedNetwork,
  refusedOptions,
  timeoutRequest,
} from './requests.ts';

/** What clients get who name no timeout: those of the first version, and those of the second. */
const DEFAULT_S = { v1: 15, v2: 300 } as const;

/** Creates, resumes, ends and copies sandboxes. */
export function lifeCycleRoutes({ sandboxes, domain }: E2bDeps): ControlRoute[] {
  const creating = (defaultS: number) => async (exchange: ControlExchange) => {
    const sent = await bodyOf(exchange, createRequest);
    if (sent === undefined) return;
    const options = refusedOptions(sent);
    if (!options.ok) return sendRefusal(exchange.res, options.refusal);
    const { templateID: template, timeout = defaultS, metadata = {}, envVars: envs = {}, autoResume } = sent;
    const onTimeout = ends(sent.autoPause, sent.autoPauseMemory);
    const asked = { template, timeoutMs: timeout * 1000, metadata, envs, onTimeout, autoResume: autoResume?.enabled === true };
    const made = await sandboxes.create(exchange.holder, asked, exchange.signal);
    answer(exchange, made, 201, (granted) => sandboxObject(granted, domain));
  };

  const connecting = (defaultS: number) => async (exchange: ControlExchange) => {
    const sent = await bodyOf(exchange, timeoutRequest);
    if (sent === undefined) return;
    const found = await sandboxes.connect(exchange.holder, exchange.id, (sent.timeout ?? defaultS) * 1000, exchange.signal);
    answer(exchange, found, found.ok && found.value.wasResumed ? 201 : 200, (granted) => sandboxObject(granted, domain));
  };

  return [
    { method: 'POST', path: '/v2/sandboxes', action: 'e2bCreateSandbox', handle: creating(DEFAULT_S.v2) },
    { method: 'POST', path: '/sandboxes', action: 'e2bCreateSandbox', handle: creating(DEFAULT_S.v1) },
    { method: 'POST', path: '/v2/sandboxes/{id}/connect', action: 'e2bConnectSandbox', handle: connecting(DEFAULT_S.v2) },
    { method: 'POST', path: '/sandboxes/{id}/connect', action: 'e2bConnectSandbox', handle: connecting(DEFAULT_S.v2) },
    {
      ...{ method: 'POST', path: '/sandboxes/{id}/resume', action: 'e2bResumeSandbox' },
      async handle(exchange) {
        const sent = await bodyOf(exchange, timeoutRequest);
        if (sent === undefined) return;
        const found = await sandboxes.connect(exchange.holder, exchange.id, (sent.timeout ?? DEFAULT_S.v1) * 1000, exchange.signal);
        const resumed = found.ok && !found.value.wasResumed ? refused('CONFLICT', 'The sandbox is already running.') : found;
        answer(exchange, resumed, 201, (granted) => sandboxObject(granted, domain));
      },
    },
    {
      ...{ method: 'GET', path: '/sandboxes/{id}', action: 'e2bGetSandbox' },
      async handle(exchange) {
        answer(exchange, sandboxes.get(exchange.holder, exchange.id), 200, (granted) => detailObject(granted, domain));
      },
    },
    {
      ...{ method: 'DELETE', path: '/sandboxes/{id}', action: 'e2bKillSandbox' },
      handle: async (exchange) => nothing(exchange, await sandboxes.kill(exchange.holder.caller, exchange.id)),
    },
    {
      ...{ method: 'POST', path: '/sandboxes/{id}/timeout', action: 'e2bSetSandboxTimeout' },
      async handle(exchange) {
        const sent = await bodyOf(exchange, endRequest);
        if (sent !== undefined) nothing(exchange, await sandboxes.setEnd(exchange.holder.caller, exchange.id, sent.timeout * 1000));
      },
    },
    {
      ...{ method: 'POST', path: '/sandboxes/{id}/refreshes', action: 'e2bSetSandboxTimeout' },
      async handle(exchange) {
        const sent = await bodyOf(exchange, refreshRequest);
        const { duration = DEFAULT_S.v1 } = sent ?? {};
        if (sent !== undefined) nothing(exchange, await sandboxes.setEnd(exchange.holder.caller, exchange.id, duration * 1000));
      },
    },
    {
      ...{ method: 'POST', path: '/sandboxes/{id}/pause', action: 'e2bPauseSandbox' },
      async handle(exchange) {
        const sent = await bodyOf(exchange, pauseRequest);
        if (sent === undefined) return;
        nothing(exchange, await sandboxes.pause(exchange.holder.caller, exchange.id, sent.memory !== false, exchange.signal));
      },
    },
    {
      ...{ method: 'POST', path: '/sandboxes/{id}/fork', action: 'e2bForkSandbox' },
      async handle(exchange) {
        const sent = await bodyOf(exchange, forkRequest);
        if (sent === undefined) return;
        const { count = 1, timeout = DEFAULT_S.v2 } = sent;
        const forked = await sandboxes.fork(exchange.holder, exchange.id, count, timeout * 1000, exchange.signal);
        answer(exchange, forked, 201, (copies) =>
          copies.map((copy) =>
            copy.ok ? { sandbox: sandboxObject(copy.value, domain) } : { error: { code: 503, message: copy.refusal.message } },
          ),
        );
      },
    },
    {
      ...{ method: 'PUT', path: '/sandboxes/{id}/network', action: 'e2bSetSandboxNetwork' },
      async handle(exchange) {
        const bytes = await exchange.body();
        if (bytes === undefined) return;
        const found = sandboxes.exists(exchange.holder.caller, exchange.id);
        if (!found.ok) return sendRefusal(exchange.res, found.refusal);
        nothing(exchange, networkIn(bytes));
      },
    },
  ];
}

function networkIn(bytes: Buffer): Outcome<undefined> {
  try {
    const { allow_internet_access: internet, ...rules } = JSON.parse(bytes.toString() || '{}') as Readonly<Record<string, unknown>>;
    const options = refusedOptions(internet === undefined ? {} : { allow_internet_access: internet });
    return options.ok ? refusedNetwork(rules) : options;
  } catch {
    return refused('BAD_REQUEST', 'The body is not valid JSON.');
  }
}

/** Without memory, the sandbox is suspended: its processes end, and its disk is kept. */
const ends = (pauses: boolean | undefined, keepsMemory: boolean | undefined): OnTimeout =>
  pauses === true ? (keepsMemory === false ? 'suspend' : 'pause') : 'kill';
