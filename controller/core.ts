/** The controller without its edges: all logic over an injected store, bus and links. */

import type { Barriers } from '../seams/barrier.ts';
import type { Clock } from '../seams/clock.ts';
import type { Log } from '../seams/log.ts';
import type { Metrics } from '../seams/metrics.ts';
import type { Random } from '../seams/random.ts';
import type { View } from './domain/engine/view.ts';
import { NO_RULES, type NodeRules } from './domain/nodes/node-rules.ts';
import { DEFAULT_SIZE_RULES, type SizeRules } from './domain/sessions/session-sizes.ts';
import { serviceAccountService } from './services/access/account-service.ts';
import { apiKeyService } from './services/access/api-key-service.ts';
import { roleBindingService } from './services/access/binding-service.ts';
import { KeyUse } from './services/access/key-use.ts';
import { accountService } from './services/access/login-service.ts';
import { LoginThrottle } from './services/access/login-throttle.ts';
import type { Passwords } from './services/access/passwords.ts';
import { RightsCache } from './services/access/rights.ts';
import { roleService } from './services/access/role-service.ts';
import { agentService } from './services/agents/agent-service.ts';
import type { SourceStore } from './services/agents/source-store.ts';
import { auditIds, auditService } from './services/audit/audit-service.ts';
import { type AuditDeps, openAudit } from './services/audit/open-audit.ts';
import { Budgets } from './services/budget/budgets.ts';
import type { BudgetLimits } from './services/budget/limits.ts';
import { type SpaceLookup, spaceLookup } from './services/budget/space-lookup.ts';
import { BuildLogs } from './services/builds/build-logs.ts';
import { buildService } from './services/builds/build-service.ts';
import { type BuildBounds, BuildDispatch } from './services/builds/dispatch-loop.ts';
import type { BuildLogStore } from './services/builds/log-store.ts';
import { execService } from './services/commands/exec-service.ts';
import { Applier, type GrowthRefusal } from './services/engine/applier.ts';
import type { Background } from './services/engine/background.ts';
import { Capacity, placedSessions } from './services/engine/capacity.ts';
import { commitMetrics, placementMetrics } from './services/engine/commit-metrics.ts';
import { type HealthDeps, healthService } from './services/engine/health.ts';
import { historyRetentionLoop } from './services/engine/history-retention-loop.ts';
import { Loops } from './services/engine/loops.ts';
import { NodeDirectory } from './services/engine/node-directory.ts';
import type { Store } from './services/engine/store.ts';
import { Waiters } from './services/engine/waiters.ts';
import { cachedOwners } from './services/events/audience.ts';
import { eventService } from './services/events/event-service.ts';
import { type News, withLocalWatchers } from './services/events/news.ts';
import { Publisher } from './services/events/publisher.ts';
import { Tail } from './services/events/tail.ts';
import { Fleet } from './services/fleet/fleet.ts';
import type { ImageDistribution } from './services/images/image-distribution.ts';
import { type ImagesDeps, openImages } from './services/images/open-images.ts';
import { LogFeeds } from './services/logs/log-feeds.ts';
import { logService } from './services/logs/log-service.ts';
import { backlogLoop } from './services/messages/backlog-loop.ts';
import { messageService } from './services/messages/message-service.ts';
import { drainLoop } from './services/nodes/drain-loop.ts';
import type { LeaseTimes } from './services/nodes/lease.ts';
import { LeaseLoop } from './services/nodes/lease-loop.ts';
import { NodeAlarms } from './services/nodes/node-alarms.ts';
import { nodeMetrics, sessionMetrics, unschedulableNodes } from './services/nodes/node-metrics.ts';
import { nodeService } from './services/nodes/node-service.ts';
import { nodeTokenService } from './services/nodes/node-token-service.ts';
import { orphanService } from './services/nodes/orphan-service.ts';
import type { Services } from './services/services.ts';
import { expiryLoop } from './services/sessions/expiry-loop.ts';
import { openPlacementWaits } from './services/sessions/open-placement-waits.ts';
import { SUSPEND_GRACE_MS, sessionService } from './services/sessions/session-service.ts';
import { ShownSessions } from './services/sessions/shown-sessions.ts';
import { resealingLoop, type SealingKeys } from './services/spaces/resealing-loop.ts';
import type { SealingRing } from './services/spaces/sealing.ts';
import { SecretReader } from './services/spaces/secret-reader.ts';
import { secretService } from './services/spaces/secret-service.ts';
import { spaceService } from './services/spaces/space-service.ts';
import { ByteStreams } from './services/streams/byte-streams.ts';

export interface CoreDeps {
  readonly store: Pick<Store, 'writer' | 'view' | 'lists' | 'events'>;
  readonly news: News;
  readonly sourceStore: SourceStore;
  /** Undefined: what nodes print in builds is not kept. */
  readonly buildLogs?: BuildLogStore;
  readonly passwords: Passwords;
  /** The sealing keys in memory, and their files. */
  readonly sealing: { readonly ring: SealingRing; readonly keys: SealingKeys };
  readonly clusterId: string;
  readonly storeKey: Uint8Array;
  readonly caDigest?: (() => string) | undefined;
  /** The image of sessions in a space without a build. */
  readonly baseImage: string;
  readonly version: string;
  /** Default: built-in limits. */
  readonly budgets?: BudgetLimits | undefined;
  readonly lease: LeaseTimes;
  /** Bounds of session sizes. Default: {@link DEFAULT_SIZE_RULES}. */
  readonly sizes?: SizeRules | undefined;
  /** The operator's rules for nodes. */
  readonly nodeRules?: NodeRules | undefined;
  readonly builds?: BuildBounds | undefined;
  /** The registry of images; undefined if there is none. */
  readonly registry?: ImagesDeps['registry'];
  /** When images that nothing needs are removed. */
  readonly collection?: ImagesDeps['collection'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly barriers: Barriers;
  readonly metrics: Metrics;
  /** Returns why client commands that grow the store are refused. Default: never refused. */
  readonly growthRefusal?: GrowthRefusal;
  readonly onFatal: (error: unknown) => void;
  /** How long audit records are retained, and where they are exported. */
  readonly audit?: Required<Pick<AuditDeps, 'kept' | 'cursor' | 'sinks'>>;
  /** Returns a join token. */
  readonly joinLine: (tokenId: string, secret: string) => string;
  readonly health: Pick<HealthDeps, 'checkStore' | 'degradations'>;
}

export interface Core {
  /** Background loops. `start` starts all that are open. */
  readonly loops: Loops;
  readonly applier: Applier;
  readonly view: View;
  readonly fleet: Fleet;
  readonly directory: NodeDirectory;
  readonly dispatch: BuildDispatch;
  readonly images: ImageDistribution | undefined;
  readonly streams: ByteStreams;
  readonly alarms: NodeAlarms;
  readonly services: Services;
  readonly budgets: Budgets;
  readonly spaces: SpaceLookup;
  /** Starts publishing, following events, checking leases, and every background loop. */
  start(): void;
  /** Decides the waiting commands and accepts no more. Close the store and the bus afterwards. */
  close(): Promise<void>;
}

export function openCore(deps: CoreDeps): Core {
  const {
    store,
    news,
    sourceStore,
    passwords,
    clock,
    random,
    log,
    barriers,
    lease,
    baseImage,
    storeKey,
    metrics,
    sizes = DEFAULT_SIZE_RULES,
  } = deps;
  const { view, lists, events } = store;

  // Read first: when the previous process last committed something.
  const lastAliveAt = store.writer.lastTime();
  const capacity = new Capacity(placedSessions(view));
  const rules = deps.nodeRules ?? NO_RULES;
  const directory = new NodeDirectory({ view, capacity, rules, sizes, hasRegistry: deps.registry !== undefined });
  const { growthRefusal, onFatal } = deps;
  const applier = new Applier({ store: store.writer, fleet: directory, capacity, clock, log, metrics, growthRefusal, onFatal });
  applier.onCommitted(({ mutations }) => directory.committed(mutations));
  const loops = new Loops({ clock, random, log, metrics });
  const background: Background = { loops, applier, view, clock, random, log, metrics };
  const publisher = new Publisher({ loops, events, news, clock, log, metrics });
  const ownerOf = cachedOwners((id) => view.get('sessions', id)?.createdById);
  const tail = new Tail({ loops, events, news, clock, log, metrics, ownerOf });
  const waiters = new Waiters();
  const rights = new RightsCache(view);
  const secrets = new SecretReader(view, deps.sealing.ring, (account, space) => rights.hasRightsIn(account, space));
  const alarms = new NodeAlarms({ applier, view, clock, log, metrics });
  const fleet = new Fleet({
    ...background,
    directory,
    rules,
    alarms,
    news: withLocalWatchers(news, tail),
    secrets,
    barriers,
    lease,
    clusterId: deps.clusterId,
    version: deps.version,
    caDigest: deps.caDigest,
    epoch: events.epoch,
  });
  const budgets = new Budgets({ clock, metrics, limits: deps.budgets });
  const streams = new ByteStreams({
    clock,
    random,
    budgets,
    metrics,
    send: (nodeId, frame) => fleet.stream(nodeId)?.send(frame) === true,
  });
  const buildLogs =
    deps.buildLogs && new BuildLogs({ ...background, store: deps.buildLogs, streams: streams.offered, refusal: growthRefusal });
  const { images, imageWaits } = openImages({ ...deps, ...background, fleet, directory }, () => dispatch);
  const dispatched = { ...background, fleet, directory, bounds: deps.builds, images, logs: buildLogs, secrets };
  const dispatch: BuildDispatch = new BuildDispatch(dispatched);
  const leases = new LeaseLoop({ ...background, directory, fleet, lease });
  expiryLoop(background, SUSPEND_GRACE_MS);
  drainLoop({ ...background, directory, fleet }, SUSPEND_GRACE_MS);
  historyRetentionLoop(background);
  const exports = openAudit(background, { ...deps.audit, lists, storeKey });
  backlogLoop(background);
  const shownSessions = new ShownSessions(view, imageWaits);
  // Before waiters, watchers and the publisher, so that caches are current when they learn of it.
  applier.onCommitted((committed) => {
    rights.committed(committed);
    shownSessions.committed(committed);
  });
  applier.onCommitted(commitMetrics(metrics));
  nodeMetrics(metrics, directory);
  sessionMetrics(metrics, lists);
  applier.onCommitted(({ mutations, events: committed }) => {
    tail.committed(committed);
    publisher.committed(committed);
    waiters.committed(mutations);
  });
  resealingLoop({ ...background, ...deps.sealing, barriers });
  const shared = { applier, view, lists, waiters, shownSessions, imageWaits, random, storeKey, baseImage, sizes };
  const throttle = new LoginThrottle(clock);
  const keyUse = new KeyUse(applier, clock);
  fleet.carry(streams);
  const feeds = new LogFeeds({ streams, applier, view, lists, loops, clock, metrics });
  applier.onCommitted((committed) => streams.committed(committed));
  const waits = openPlacementWaits({ applier, capacity, directory, fleet, clock, metrics });
  const services: Services = {
    accounts: accountService({ applier, view, rights, keyUse, passwords, throttle, clock, metrics }),
    serviceAccounts: serviceAccountService({ ...shared, rights, passwords, throttle }),
    roles: roleService(shared),
    roleBindings: roleBindingService(shared),
    apiKeys: apiKeyService({ ...shared, keyUse, clock }),
    sessions: sessionService({
      ...{ ...shared, fleet: directory, waits },
      placed: placementMetrics(metrics),
      rebuild: (space, image) => dispatch.rebuilds.forSpace(space, image),
    }),
    messages: messageService(shared),
    exec: execService({ ...shared, streams, clock, budgets }),
    spaces: spaceService(shared),
    secrets: secretService({ ...shared, ring: deps.sealing.ring }),
    agents: agentService({ ...shared, sourceStore, fleet, budgets, clock }),
    logs: logService({ view, lists, streams, feeds, clock, log, budgets }),
    builds: buildService({ ...shared, logs: buildLogs, waitingReason: (row) => dispatch.waitingReason(row) }),
    nodes: nodeService({ applier, view, fleet, alarms, leases, directory, clock, leaseMs: lease.leaseMs }),
    nodeTokens: nodeTokenService({ applier, view, clock, random, token: deps.joinLine }),
    orphans: orphanService({ applier, view, fleet, baseImage, sizes }),
    events: eventService(view, tail),
    audit: auditService({ applier, view, lists, clock, metrics, ids: auditIds(storeKey) }),
    health: healthService({
      checkStore: deps.health.checkStore,
      log,
      degradations: {
        ...deps.health.degradations,
        audit_export: () => exports.filter(({ isFailing }) => isFailing).length,
        nodes_unschedulable: () => unschedulableNodes(directory),
      },
    }),
  };

  return {
    loops,
    applier,
    view,
    fleet,
    directory,
    dispatch,
    images,
    streams,
    alarms,
    services,
    budgets,
    spaces: spaceLookup(view, shownSessions),
    start() {
      publisher.start();
      tail.start();
      loops.start();
      leases.start(lastAliveAt);
      // If this is interrupted, the next start continues.
      services.agents.removeUnusedSources().catch(() => undefined);
    },
    async close() {
      waits.close();
      services.audit.close();
      feeds.close();
      await loops.close();
      streams.close();
      await buildLogs?.close();
      fleet.close();
      applier.close();
      for (const one of exports) await one.close();
      tail.close();
      await publisher.close();
    },
  };
}
