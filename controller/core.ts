/** The controller without its edges: all logic over an injected store, bus and links. */

import type { Core, CoreDeps } from './core-deps.ts';
import { NO_RULES } from './domain/nodes/node-rules.ts';
import { DEFAULT_SIZE_RULES } from './domain/sessions/session-sizes.ts';
import { serviceAccountService } from './services/access/account-service.ts';
import { apiKeyService } from './services/access/api-key-service.ts';
import { roleBindingService } from './services/access/binding-service.ts';
import { KeyUse } from './services/access/key-use.ts';
import { accountService } from './services/access/login-service.ts';
import { LoginThrottle } from './services/access/login-throttle.ts';
import { requestTickets } from './services/access/request-tickets.ts';
import { RightsCache } from './services/access/rights.ts';
import { roleService } from './services/access/role-service.ts';
import { agentService } from './services/agents/agent-service.ts';
import { auditIds, auditService } from './services/audit/audit-service.ts';
import { openAudit } from './services/audit/open-audit.ts';
import { Budgets } from './services/budget/budgets.ts';
import { spaceLookup } from './services/budget/space-lookup.ts';
import { BuildLogs } from './services/builds/build-logs.ts';
import { buildService } from './services/builds/build-service.ts';
import { BuildDispatch } from './services/builds/dispatch-loop.ts';
import { execService } from './services/commands/exec-service.ts';
import { processService } from './services/commands/process-service.ts';
import { Applier } from './services/engine/applier.ts';
import type { Background } from './services/engine/background.ts';
import { Capacity, placedSessions, placedSlots } from './services/engine/capacity.ts';
import { commitMetrics, placementMetrics } from './services/engine/commit-metrics.ts';
import { healthService } from './services/engine/health.ts';
import { historyRetentionLoop } from './services/engine/history-retention-loop.ts';
import { Loops } from './services/engine/loops.ts';
import { NodeDirectory } from './services/engine/node-directory.ts';
import { Waiters } from './services/engine/waiters.ts';
import { cachedOwners } from './services/events/audience.ts';
import { eventService } from './services/events/event-service.ts';
import { withLocalWatchers } from './services/events/news.ts';
import { Publisher } from './services/events/publisher.ts';
import { Tail } from './services/events/tail.ts';
import { fileService } from './services/files/file-service.ts';
import { Fleet } from './services/fleet/fleet.ts';
import { openImages } from './services/images/open-images.ts';
import { WorkstationImages } from './services/images/workstation-images.ts';
import { LogFeeds } from './services/logs/log-feeds.ts';
import { logService } from './services/logs/log-service.ts';
import { backlogLoop } from './services/messages/backlog-loop.ts';
import { messageService } from './services/messages/message-service.ts';
import { drainLoop } from './services/nodes/drain-loop.ts';
import { LeaseLoop } from './services/nodes/lease-loop.ts';
import { NodeAlarms } from './services/nodes/node-alarms.ts';
import { nodeMetrics, sessionMetrics, unschedulableNodes } from './services/nodes/node-metrics.ts';
import { nodeService } from './services/nodes/node-service.ts';
import { nodeTokenService } from './services/nodes/node-token-service.ts';
import { orphanService } from './services/nodes/orphan-service.ts';
import { portService } from './services/ports/port-service.ts';
import { PreviewPasses } from './services/ports/preview-passes.ts';
import { shareLoop } from './services/ports/share-loop.ts';
import { openSandboxes } from './services/sandboxes/open-sandboxes.ts';
import type { Services } from './services/services.ts';
import { expiryLoop } from './services/sessions/expiry-loop.ts';
import { openPlacementWaits } from './services/sessions/open-placement-waits.ts';
import { SUSPEND_GRACE_MS, sessionService } from './services/sessions/session-service.ts';
import { ShownSessions } from './services/sessions/shown-sessions.ts';
import { slotLoop } from './services/slots/slot-loop.ts';
import { resealingLoop } from './services/spaces/resealing-loop.ts';
import { SecretReader } from './services/spaces/secret-reader.ts';
import { secretService } from './services/spaces/secret-service.ts';
import { spaceService } from './services/spaces/space-service.ts';
import { ByteStreams } from './services/streams/byte-streams.ts';
import { OpenUses } from './services/streams/open-uses.ts';
import { sessionUse } from './services/streams/session-use.ts';

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
  const capacity = new Capacity(placedSessions(view), placedSlots(view));
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
  const workstations = new WorkstationImages({ ...background, fleet, directory, baseImage, images });
  const dispatched = { ...background, fleet, directory, bounds: deps.builds, images, workstations, logs: buildLogs, secrets };
  const dispatch: BuildDispatch = new BuildDispatch(dispatched);
  const leases = new LeaseLoop({ ...background, directory, fleet, lease });
  const uses = new OpenUses(background);
  expiryLoop({ ...background, uses }, SUSPEND_GRACE_MS);
  slotLoop({ ...background, directory, fleet, baseImage, growthRefusal });
  drainLoop({ ...background, directory, fleet }, SUSPEND_GRACE_MS);
  historyRetentionLoop(background);
  const exports = openAudit(background, { ...deps.audit, lists, storeKey });
  backlogLoop(background);
  shareLoop(background);
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
  const use = sessionUse({ ...shared, streams, uses, clock, showsCommands: deps.showsCommands });
  const accounts = accountService({ applier, view, rights, keyUse, passwords, throttle, clock, metrics });
  const sessions = sessionService({
    ...{ ...shared, fleet: directory, waits },
    placed: placementMetrics(metrics),
    rebuild: (space, image) => dispatch.rebuilds.forSpace(space, image),
  });
  const services: Services = {
    accounts,
    serviceAccounts: serviceAccountService({ ...shared, rights, passwords, throttle }),
    roles: roleService(shared),
    roleBindings: roleBindingService(shared),
    apiKeys: apiKeyService({ ...shared, keyUse, clock }),
    tickets: requestTickets({ view, clock, random }),
    sessions,
    sandboxes: openSandboxes({ ...background, ...shared, accounts, sessions }, SUSPEND_GRACE_MS),
    messages: messageService(shared),
    exec: execService({ view, use, budgets }),
    files: fileService({ use, clock }),
    processes: processService({ view, use }),
    ports: portService({
      applier,
      view,
      use,
      rights,
      passes: new PreviewPasses({ clock, random, storeKey }),
      origins: deps.origins,
      clock,
    }),
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
      uses.close();
      await buildLogs?.close();
      fleet.close();
      applier.close();
      for (const one of exports) await one.close();
      tail.close();
      await publisher.close();
    },
  };
}
