import { createSecretKey } from 'node:crypto';
import type { MessageObject } from '../../../../controller/contract/messages.ts';
import type { SessionObject } from '../../../../controller/contract/sessions.ts';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { Permissions } from '../../../../controller/domain/access/rbac.ts';
import type { AccountId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import type { StoredEvent } from '../../../../controller/domain/events/events.ts';
import { createApp, type HttpDeps } from '../../../../controller/http/app.ts';
import type { SseStreams } from '../../../../controller/http/events/sse-streams.ts';
import { type HttpServer, listen } from '../../../../controller/http/server/server.ts';
import type { CertificateFiles } from '../../../../controller/http/tls/key-pair.ts';
import { ServedCertificate } from '../../../../controller/http/tls/served-certificate.ts';
import type { Upgrades } from '../../../../controller/http/upgrades/upgrades.ts';
import type { Caller, Idempotency } from '../../../../controller/services/access/caller.ts';
import type { RightsChange } from '../../../../controller/services/access/rights.ts';
import { createTokens, type Tokens } from '../../../../controller/services/access/tokens.ts';
import { Budgets } from '../../../../controller/services/budget/budgets.ts';
import { type BudgetLimits, DEFAULT_LIMITS } from '../../../../controller/services/budget/limits.ts';
import { JsonText } from '../../../../controller/services/engine/json-text.ts';
import type { EventIds } from '../../../../controller/services/events/event-ids.ts';
import type { EventWatcher } from '../../../../controller/services/events/watching.ts';
import type { Services } from '../../../../controller/services/services.ts';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { type PrometheusMetrics, prometheusMetrics } from '../../../../seams/prometheus.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';

/** The system's clock, whose wall time a test sets forward and whose timers of the event streams it fires. */
export class TestClock implements Clock {
  #aheadMs = 0;
  readonly #held: { run: () => void; delayMs: number }[] = [];
  now = () => systemClock.now() + this.#aheadMs;
  monotonic = () => systemClock.monotonic() + this.#aheadMs;
  soon = (run: () => void) => systemClock.soon(run);

  after(delayMs: number, run: () => void) {
    const timer = { run, delayMs };
    this.#held.push(timer);
    return {
      cancel: () => {
        const at = this.#held.indexOf(timer);
        if (at >= 0) this.#held.splice(at, 1);
      },
    };
  }

  get timers(): number {
    return this.#held.length;
  }

  /** Sets the time forward and runs every timer that is due by then. */
  forward(ms: number): void {
    this.#aheadMs += ms;
    for (const timer of [...this.#held]) {
      timer.delayMs -= ms;
      if (timer.delayMs > 0) continue;
      const at = this.#held.indexOf(timer);
      if (at < 0) continue;
      this.#held.splice(at, 1);
      timer.run();
    }
  }
}

export const ACCOUNT = '11111111-1111-4111-8111-111111111111' as AccountId;
export const SESSION = '22222222-2222-4222-8222-222222222222' as SessionId;
export const SPACE = '33333333-3333-4333-8333-333333333333' as SpaceId;
export const PASSWORD = 'correct horse';

const TIME = '2026-01-02T03:04:05.006Z';
export const session: SessionObject = {
  id: SESSION,
  name: null,
  space: 'default',
  created_by: 'admin',
  state: 'init',
  container_id: null,
  persistent_volume_id: null,
  parent_session_id: null,
  node: null,
  profile: 'locked',
  image: null,
  isolation: null,
  running: false,
  settled: false,
  waiting_reason: null,
  constraints: [],
  preferences: [],
  timeouts: {},
  created_at: TIME,
  updated_at: TIME,
  started_at: null,
  last_activity_at: null,
  terminated_at: null,
  termination_reason: null,
  metadata: {},
};
export const message: MessageObject = {
  id: '44444444-4444-4444-8444-444444444444',
  session_id: SESSION,
  seq: 1,
  role: 'user',
  content: 'hello',
  metadata: {},
  created_by: 'admin',
  created_at: TIME,
};

export function event(number: number, type: StoredEvent['type'] = 'session.state'): StoredEvent {
  return { type, spaceId: SPACE, sessionId: SESSION, data: { space: 'default', state: 'idle' }, number, sessionNumber: number, at: 0 };
}

/** What a test says that the services do, and what it sees of how they were called. */
export class Fake {
  version = 1;
  visible = true;
  /** Whether the session is not deleted. */
  there = true;
  up: Promise<SessionObject | undefined> | undefined;
  answered: Promise<MessageObject | undefined> | undefined;
  fault: Error | undefined;
  readonly rightsListeners: ((change: RightsChange) => void)[] = [];
  readonly calls: { what: string; with: readonly unknown[] }[] = [];
  readonly watchers: { watcher: EventWatcher; after: unknown; closed: boolean; resumed: number; onResume?: () => void }[] = [];
  onWatch: () => void = () => {};

  #note(what: string, ...args: unknown[]): void {
    if (this.fault) throw this.fault;
    this.calls.push({ what, with: args });
  }

  get caller(): Caller {
    const permissions = new Permissions([{ role: BUILT_IN_ROLES[0] ?? never(), spaceId: null }]);
    return { accountId: ACCOUNT, user: 'admin', permissions, now: () => this.caller };
  }

  readonly services: Services = {
    accounts: {
      login: async (user, password) => {
        if (user === 'busy') return refused('RATE_LIMITED', 'Too many attempts', { retry_after_s: 7 });
        if (password !== PASSWORD) return refused('UNAUTHORIZED', 'Wrong user or password');
        return accepted({ accountId: ACCOUNT, user, version: this.version });
      },
      callerOf: (proof) =>
        proof.kind === 'token' && proof.accountId === ACCOUNT && proof.version === this.version ? this.caller : undefined,
      keyProof: () => undefined,
      refresh: () => accepted({ accountId: ACCOUNT, user: 'admin', version: this.version }),
      logout: async () => accepted(undefined),
      onRightsChanged: (listener) => void this.rightsListeners.push(listener),
      me: ({ user, accountId }) => ({ user, id: accountId, type: 'ServiceAccount', namespace: null, roles: ['admin'], role_bindings: [] }),
    },
    serviceAccounts: {
      list: async () => accepted({ items: [], total: 0 }),
      create: async () => refused('CONFLICT', 'A service account of that name already exists'),
      get: () => refused('NOT_FOUND', 'There is no such service account'),
      update: async () => refused('NOT_FOUND', 'There is no such service account'),
      remove: async () => refused('NOT_FOUND', 'There is no such service account'),
      changePassword: async () => accepted(undefined),
    },
    roles: {
      list: async () => accepted({ items: [], total: 0 }),
      create: async () => refused('CONFLICT', 'A role of that name already exists'),
      get: () => refused('NOT_FOUND', 'There is no such role'),
      remove: async () => refused('NOT_FOUND', 'There is no such role'),
    },
    roleBindings: {
      list: async () => accepted({ items: [], total: 0 }),
      create: async () => refused('NOT_FOUND', 'There is no such role'),
      get: () => refused('NOT_FOUND', 'There is no such role binding'),
      remove: async () => refused('NOT_FOUND', 'There is no such role binding'),
    },
    apiKeys: {
      list: async () => accepted({ items: [], total: 0 }),
      create: async () => refused('CONFLICT', 'There are too many'),
      remove: async () => refused('NOT_FOUND', 'There is no such API key'),
    },
    processes: {
      permit: () => accepted(undefined),
      start: async () => refused('UNAVAILABLE', 'There is no guest'),
      list: async () => refused('UNAVAILABLE', 'There is no guest'),
      get: async () => refused('UNAVAILABLE', 'There is no guest'),
      signal: async () => refused('UNAVAILABLE', 'There is no guest'),
      resize: async () => refused('UNAVAILABLE', 'There is no guest'),
      closeStdin: async () => refused('UNAVAILABLE', 'There is no guest'),
      remove: async () => refused('UNAVAILABLE', 'There is no guest'),
      run: async () => refused('UNAVAILABLE', 'There is no guest'),
      attach: async () => refused('UNAVAILABLE', 'There is no guest'),
    },
    tickets: {
      create: () => refused('NOT_FOUND', 'There is no such session'),
      redeem: () => undefined,
    },
    sessions: {
      ...{ canCreate: () => true, canRemix: () => true, canUpdate: () => true },
      create: async (_caller, input, idempotency?: Idempotency) => {
        this.#note('sessions.create', input, idempotency);
        return accepted(session);
      },
      get: () => {
        this.#note('sessions.get');
        return this.visible ? accepted(new JsonText(JSON.stringify(session))) : refused('NOT_FOUND', 'There is no such session');
      },
      list: async (_caller, filter, page) => {
        this.#note('sessions.list', filter, page);
        return accepted({ items: [JsonText.of(session)], total: 4 });
      },
      update: async (_caller, _id, update) => {
        this.#note('sessions.update', update);
        return accepted(session);
      },
      remix: async (_caller, _parent, input, idempotency?: Idempotency) => {
        this.#note('sessions.remix', input, idempotency);
        return accepted(session);
      },
      remove: async () => accepted(undefined),
      change: async (_caller, _id, request, options) => {
        this.#note('sessions.change', request, options);
        return accepted(session);
      },
      resume: async () => {
        this.#note('sessions.resume');
        return accepted(session);
      },
      putState: async (_caller, _id, state) => {
        this.#note('sessions.putState', state);
        return accepted(session);
      },
      whenUp: (_id, signal) => this.up ?? aborted(signal),
    },
    exec: {
      permit: () => accepted(undefined),
      start: async () => refused('UNAVAILABLE', 'There is no guest'),
      run: async () => refused('UNAVAILABLE', 'There is no guest'),
    },
    files: {
      permit: () => accepted(undefined),
      change: async () => refused('UNAVAILABLE', 'There is no guest'),
      read: async () => refused('UNAVAILABLE', 'There is no guest'),
      write: async () => refused('UNAVAILABLE', 'There is no guest'),
      list: async () => refused('UNAVAILABLE', 'There is no guest'),
      watch: async () => refused('UNAVAILABLE', 'There is no guest'),
      pack: async () => refused('UNAVAILABLE', 'There is no guest'),
      unpack: async () => refused('UNAVAILABLE', 'There is no guest'),
    },
    ports: {
      origins: undefined,
      permit: () => accepted(undefined),
      connect: async () => refused('UNAVAILABLE', 'There is no guest'),
      list: async () => refused('UNAVAILABLE', 'There is no guest'),
      follow: async () => refused('UNAVAILABLE', 'There is no guest'),
      share: async () => refused('CONFLICT', 'There are no previews'),
      unshare: async () => refused('NOT_FOUND', 'The port is not public'),
      redeem: () => undefined,
      signed: () => '',
      viewerOf: () => undefined,
      publicCaller: () => undefined,
    },
    messages: {
      post: async (_caller, _session, input, idempotency) => {
        this.#note('messages.post', input, idempotency);
        return accepted({ ...message, role: input.role ?? 'user' });
      },
      cancel: async (_caller, _session, id, input) => {
        this.#note('messages.cancel', id, input);
        return accepted(message);
      },
      list: async (_caller, _session, filter, page) => {
        this.#note('messages.list', filter, page);
        return accepted({ items: [message], total: 1 });
      },
      trace: async (_caller, _session, id) => {
        this.#note('messages.trace', id);
        return accepted({ state: 'waiting', message, hops: [] });
      },
      count: async (_caller, id) => accepted({ count: 3, session_id: id }),
      clear: async () => accepted(undefined),
      whenAnswered: (_message, signal) => this.answered ?? aborted(signal),
    },
    spaces: {
      list: async () => accepted({ items: [], total: 0 }),
      create: async () => refused('CONFLICT', 'A space of that name already exists'),
      get: () => refused('NOT_FOUND', 'There is no such space'),
      patch: async () => refused('NOT_FOUND', 'There is no such space'),
      update: async () => refused('NOT_FOUND', 'There is no such space'),
      remove: async () => refused('NOT_FOUND', 'There is no such space'),
    },
    secrets: {
      list: async () => accepted({ items: [], total: 0 }),
      create: async () => refused('NOT_FOUND', 'There is no such space'),
      get: () => refused('NOT_FOUND', 'There is no such secret'),
      update: async () => refused('NOT_FOUND', 'There is no such secret'),
      remove: async () => refused('NOT_FOUND', 'There is no such secret'),
    },
    agents: {
      removeUnusedSources: async () => undefined,
      takeFetched: async () => refused('NOT_FOUND', 'There is no such build'),
      create: async () => refused('CONFLICT', 'There is an agent of that name'),
      get: () => refused('NOT_FOUND', 'There is no such agent'),
      list: async () => accepted({ items: [], total: 0 }),
      upload: async (_caller, space, agent, body) => {
        let size_bytes = 0;
        for await (const chunk of body) {
          size_bytes += chunk.length;
          if (agent === 'picky') return refused('UNPROCESSABLE_ENTITY', 'No');
        }
        return accepted({ agent, space, digest: 'sha256:0', size_bytes, files: 1, runtime: 'python', handler: 'main.x', created_at: TIME });
      },
      deploy: async () => refused('CONFLICT', 'The agent has no source'),
      running: () => accepted({ items: [], total: 0 }),
      update: async () => refused('NOT_FOUND', 'There is no such agent'),
      setStatus: async () => refused('NOT_FOUND', 'There is no such agent'),
      stop: async () => refused('NOT_FOUND', 'There is no such agent'),
      remove: async () => refused('NOT_FOUND', 'There is no such agent'),
    },
    logs: {
      agentScope: () => refused('NOT_FOUND', 'There is no such agent'),
      spaceScope: () => refused('NOT_FOUND', 'There is no such space'),
      read: async () => refused('NOT_FOUND', 'There is no such agent'),
      follow: () => ({ resume: () => undefined, close: () => undefined }),
    },
    builds: {
      create: async () => refused('CONFLICT', 'Nothing to build'),
      latest: () => refused('NOT_FOUND', 'There is no build'),
      get: () => refused('NOT_FOUND', 'There is no such build'),
      logs: async () => refused('NOT_FOUND', 'There is no such build'),
      followed: () => refused('NOT_FOUND', 'There is no such build'),
      followLog: () => ({ resume: () => undefined, close: () => undefined }),
      list: async () => accepted({ items: [], total: 0 }),
      cancel: () => refused('NOT_FOUND', 'There is no such build'),
    },
    nodes: {
      list: () => accepted({ items: [], total: 0 }),
      get: () => refused('NOT_FOUND', 'There is no such node'),
      lose: async () => refused('NOT_FOUND', 'There is no such node'),
      patch: async () => refused('NOT_FOUND', 'There is no such node'),
      update: async () => refused('NOT_FOUND', 'There is no such node'),
      drain: async () => refused('NOT_FOUND', 'There is no such node'),
      drainOf: () => refused('NOT_FOUND', 'There is no such node'),
      remove: async () => refused('NOT_FOUND', 'There is no such node'),
      endDrain: async () => refused('NOT_FOUND', 'There is no such node'),
    },
    nodeTokens: {
      create: async (_caller, input) => {
        this.#note('nodeTokens.create', input);
        const uses = { uses: 1, used: 0, labels: {}, last_used_at: null };
        return accepted({ ...uses, token: 'once', id: SESSION, created_by: 'admin', created_at: TIME, expires_at: TIME });
      },
      list: () => accepted({ items: [], total: 0 }),
      revoke: async () => refused('NOT_FOUND', 'There is no such join token'),
    },
    orphans: {
      list: () => accepted({ items: [], total: 0 }),
      adopt: async () => refused('NOT_FOUND', 'There is no such orphan'),
      remove: async () => refused('NOT_FOUND', 'There is no such orphan'),
    },
    events: {
      scope: (_caller, id) =>
        this.visible ? accepted(id === undefined ? {} : { session: id }) : refused('NOT_FOUND', 'There is no such session'),
      isThere: () => this.there,
      watch: (_scope, after, watcher) => {
        const entry: Fake['watchers'][number] = { watcher, after, closed: false, resumed: 0 };
        this.watchers.push(entry);
        this.onWatch();
        return {
          resume() {
            entry.resumed += 1;
            entry.onResume?.();
          },
          close() {
            entry.closed = true;
          },
        };
      },
    },
    get sandboxes(): never {
      return never();
    },
    audit: {
      list: async () => accepted({ items: [], total: 0 }),
      note: async () => undefined,
      refused: () => undefined,
      close: () => undefined,
    },
    health: {
      check: () =>
        this.visible
          ? { status: 'ok', checks: { store: 'ok' }, degraded: {} }
          : {
              status: 'failing',
              checks: { store: 'the disk is full' },
              degraded: {},
              error: { code: 'UNAVAILABLE', message: 'Failing: store' },
            },
    },
  };
}

function never(): never {
  throw new Error('cannot be');
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
}

/** Ids that a test can read. */
export const plainIds: EventIds = {
  spell: ({ epoch, number }) => `e${epoch}-${number}`,
  read(id) {
    const [, epoch, number] = /^e(\d+)-(\d+)$/.exec(id) ?? [];
    return epoch === undefined || number === undefined ? undefined : { epoch: Number(epoch), number: Number(number) };
  },
};

export interface Rig {
  readonly fake: Fake;
  readonly clock: TestClock;
  readonly tokens: Tokens;
  readonly server: HttpServer;
  readonly streams: SseStreams;
  readonly upgrades: Upgrades;
  readonly metrics: PrometheusMetrics;
  /** Of a server with TLS. */
  readonly certificate: ServedCertificate | undefined;
  readonly logged: string[];
  readonly token: string;
  /** Calls below /api/v0 with the admin's token, unless the headers say otherwise. */
  call(path: string, init?: RequestInit): Promise<Response>;
}

/** Of the HTTP server alone. */
export type RigOptions = Pick<HttpDeps, 'metricsToken' | 'proxies'> & { readonly limits?: BudgetLimits };

export async function startRig(
  corsOrigins: readonly string[] = [],
  tls?: CertificateFiles,
  { limits = DEFAULT_LIMITS, ...more }: RigOptions = {},
): Promise<Rig> {
  const fake = new Fake();
  const clock = new TestClock();
  const logged: string[] = [];
  const write = (name: string, fields?: object) => void logged.push(`${name} ${JSON.stringify(fields)}`);
  const log: Log = { debug: write, info: write, warn: write, error: write };
  const tokens = createTokens({ keys: [{ key: createSecretKey(systemRandom.bytes(32)), kid: 'k' }], clock, random: systemRandom });
  const metrics = prometheusMetrics({ processMetrics: false });
  const app = createApp({
    services: fake.services,
    tokens,
    eventIds: plainIds,
    log,
    clock,
    random: systemRandom,
    version: '1.2.3',
    corsOrigins,
    checkAnswers: true,
    metrics,
    budgets: new Budgets({ clock, limits }),
    ...more,
  });
  const certificate = tls && (await ServedCertificate.open({ files: tls, clock, log, metrics }));
  const server = await listen(app, { host: '127.0.0.1', port: 0, tls: certificate });
  const { token } = tokens.sign({ accountId: ACCOUNT, user: 'admin', version: 1 });
  return {
    fake,
    clock,
    tokens,
    server,
    streams: app.streams,
    upgrades: app.upgrades,
    metrics,
    certificate,
    logged,
    token,
    call: (path, init = {}) =>
      fetch(`${server.url}/api/v0${path}`, {
        ...init,
        headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) },
      }),
  };
}

export const json = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...headers },
});
