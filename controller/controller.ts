/** Joins the parts of a controller. Nothing here decides anything. */
import { join } from 'node:path';
import { encodeJoinToken } from '../proto/join-token.ts';
import type { Barriers } from '../seams/barrier.ts';
import type { Clock } from '../seams/clock.ts';
import type { Disk } from '../seams/disk.ts';
import type { Log } from '../seams/log.ts';
import type { Random } from '../seams/random.ts';
import { newsOver } from './bus/news.ts';
import { openBus } from './bus/open-bus.ts';
import { firstStart, resetAdminPassword } from './domain/commands/accounts.ts';
import { prune } from './domain/commands/prune.ts';
import type { AccountId, SpaceId } from './domain/ids.ts';
import { accepted } from './domain/outcome.ts';
import { openAuthority } from './grpc/authority.ts';
import { type NodeServer, startNodeServer } from './grpc/node-server.ts';
import { createApp } from './http/app.ts';
import { type HttpServer, listen } from './http/server.ts';
import { accountService } from './services/accounts.ts';
import { agentService, buildService, isSourceInUse } from './services/agents.ts';
import type { Services } from './services/api.ts';
import { Applier } from './services/applier.ts';
import { BuildDispatch } from './services/build-dispatch.ts';
import { Capacity, type KnownNode } from './services/capacity.ts';
import { eventService } from './services/events.ts';
import { Fleet } from './services/fleet/fleet.ts';
import { LEASE, type LeaseTimes } from './services/fleet/lease.ts';
import { LoginThrottle } from './services/login-throttle.ts';
import { messageService } from './services/messages.ts';
import { joinWith, nodeService } from './services/nodes.ts';
import { createPasswords } from './services/passwords.ts';
import { Publisher } from './services/publisher.ts';
import { sessionService } from './services/sessions.ts';
import { Tail } from './services/tail.ts';
import { createTokens, openTokenKey } from './services/tokens.ts';
import { Waiters } from './services/waiters.ts';
import { openAdminPassword, openClusterFiles } from './store/cluster-files.ts';
import { Reader } from './store/reader.ts';
import { sourceFiles } from './store/source-files.ts';
import { sqlLists } from './store/sql-lists.ts';
import { openStore } from './store/store.ts';

export interface ControllerOptions {
  /** Everything that this controller keeps, made when missing. */
  readonly directory: string;
  readonly http: { readonly host: string; readonly port: number; readonly tls?: { readonly certFile: string; readonly keyFile: string } };
  /** `advertise`: the hosts (or host:port of the join port) that join tokens name. */
  readonly nodes: { readonly host: string; readonly port: number; readonly joinPort: number; readonly advertise: readonly string[] };
  /** Undefined: a bus within this process. */
  readonly natsUrl: string | undefined;
  /** What sessions start from in a space without a build. */
  readonly baseImage: string;
  /** Of the account `admin`; generated into a file when undefined. */
  readonly adminPassword: string | undefined;
  readonly corsOrigins: readonly string[];
  readonly version: string;
  readonly lease?: LeaseTimes;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: Log;
  readonly barriers: Barriers;
  /** Memory and disk are in doubt of each other: the process must end. */
  readonly onFatal: (error: unknown) => void;
}

export interface Controller {
  readonly http: HttpServer;
  readonly nodes: NodeServer;
  readonly adminPasswordPath: string | undefined;
  /** Removes the nodes' containers and ends the node agents first, when asked to; waits at most `graceMs` for them. */
  close(options?: { readonly shutDownNodes: boolean; readonly graceMs: number }): Promise<void>;
}

const PRUNE_MS = 60_000;

export async function startController(options: ControllerOptions): Promise<Controller> {
  const { directory, clock, random, disk, log, barriers } = options;
  const lease = options.lease ?? LEASE;
  const cluster = await openClusterFiles(directory, disk, random);
  const keys = join(directory, 'keys');
  const authority = await openAuthority({ directory: join(keys, 'ca'), clusterId: cluster.clusterId, clock, random, log });
  const tokens = createTokens({ ...(await openTokenKey(keys, disk, random)), clock, random });
  const store = await openStore(join(directory, 'raworc.db'), cluster.epoch);
  const reader = new Reader(store.path);
  const { view } = store;

  // Capacity asks the fleet, which asks the applier, which asks capacity.
  let known: () => readonly KnownNode[] = () => [];
  const placed = view.nodes().flatMap(({ id }) => view.sessionsOn(id));
  const capacity = new Capacity(() => known(), placed);
  const applier = new Applier({ store: store.writer, capacity, clock, log, onFatal: options.onFatal });

  const bus = openBus(options.natsUrl, { clock, log });
  const news = newsOver(bus, log);
  const publisher = new Publisher({ events: store.events, news, clock, log });
  const tail = new Tail({ events: store.events, news, clock, log });
  const waiters = new Waiters();

  const fleetNeeds = { applier, view, news, clock, random, log, barriers, lease };
  const fleet = new Fleet({ ...fleetNeeds, clusterId: cluster.clusterId, epoch: cluster.epoch, version: options.version });
  known = () => fleet.known();
  const dispatch = new BuildDispatch({ applier, view, fleet, log });
  applier.onCommitted(({ mutations, events }) => {
    tail.committed(events);
    publisher.wake();
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'sessions') waiters.tell(mutation.row.id);
      if (mutation.table === 'messages') waiters.tell(mutation.row.sessionId);
    }
  });

  const passwords = createPasswords({ random });
  await seed();

  const lists = sqlLists(reader);
  const shared = { applier, view, lists, waiters, random, storeKey: cluster.storeKey, baseImage: options.baseImage };
  const sources = await sourceFiles(join(directory, 'sources'), { disk, random, isInUse: (digest) => isSourceInUse(view, digest) });
  let nodeAddresses: { join: string[]; nodes: string[] } = { join: [], nodes: [] };
  const nodeNeeds = {
    ...{ applier, view, fleet, capacity, clock, random, leaseMs: lease.leaseMs },
    token: (tokenId: string, secret: string) =>
      encodeJoinToken({
        joinAddresses: nodeAddresses.join,
        nodeAddresses: nodeAddresses.nodes,
        caHash: authority.caHash,
        id: tokenId,
        secret,
      }),
  };
  const services: Services = {
    accounts: accountService({ applier, view, passwords, throttle: new LoginThrottle(clock), clock }),
    sessions: sessionService(shared),
    messages: messageService(shared),
    agents: agentService({ ...shared, shelf: sources }),
    builds: buildService({ ...shared, shelf: sources }),
    nodes: nodeService(nodeNeeds),
    events: eventService(view, tail),
    health: { check: () => health(store.check, bus.connected, log) },
  };

  publisher.start();
  tail.start();
  const nodes = await startNodeServer({
    authority,
    host: options.nodes.host,
    nodePort: options.nodes.port,
    joinPort: options.nodes.joinPort,
    clock,
    log,
    async join(request) {
      const row = await joinWith({ applier, fleet, random }, request);
      if (!row.ok) return row;
      const certificate = await authority.issueNode(request.csrDer, row.value.id);
      if (!certificate.ok) return certificate;
      return accepted({
        nodeId: row.value.id,
        clusterId: cluster.clusterId,
        incarnation: row.value.incarnation,
        certificateDer: certificate.value.der,
        caDer: authority.caDer,
        expiresAtMs: certificate.value.expiresAtMs,
      });
    },
    onLink: (nodeId, link) => fleet.connect(nodeId, link),
    mayFetch: (nodeId, digest) => dispatch.mayFetch(nodeId, digest),
    openSource: (digest) => sources.open(digest),
  });
  nodeAddresses = {
    join: options.nodes.advertise.map((host) => `${host}:${nodes.joinPort}`),
    nodes: options.nodes.advertise.map((host) => `${host}:${nodes.nodePort}`),
  };
  const app = createApp({ services, tokens, log, clock, random, version: options.version, corsOrigins: options.corsOrigins });
  const http = await listen(app, options.http);
  let pruning = pruneLater();

  return {
    http,
    nodes,
    adminPasswordPath: options.adminPassword === undefined ? join(directory, 'admin-password') : undefined,
    async close({ shutDownNodes, graceMs } = { shutDownNodes: false, graceMs: 0 }) {
      pruning.cancel();
      await http.close();
      if (shutDownNodes) {
        const limit = new AbortController();
        const timer = clock.after(graceMs, () => limit.abort());
        await fleet.shutDownNodes(graceMs, limit.signal);
        timer.cancel();
      }
      fleet.close();
      await nodes.close();
      applier.close();
      tail.close();
      await publisher.close();
      await bus.close();
      await reader.close();
      store.close();
    },
  };

  function pruneLater() {
    return clock.after(PRUNE_MS, () => {
      applier.apply(prune()).catch(() => undefined);
      pruning = pruneLater();
    });
  }

  /** The account and the space that a new store begins with; a password given by the operator holds from then on. */
  async function seed(): Promise<void> {
    const admin = view.accountByUser('admin');
    const given = options.adminPassword;
    if (admin !== undefined && view.spaceByName('default') !== undefined) {
      if (given === undefined) return;
      const same = await passwords.verify(given, admin.passwordHash);
      if (same.ok && same.value) return;
      const hash = await passwords.hash(given);
      if (hash.ok) await applier.apply(resetAdminPassword(hash.value));
      return;
    }
    const hash = await passwords.hash(given ?? (await openAdminPassword(directory, disk, random)));
    if (!hash.ok) throw new Error(hash.refusal.message);
    const ids = { accountId: random.uuid() as AccountId, bindingId: random.uuid(), spaceId: random.uuid() as SpaceId };
    await applier.apply(firstStart({ ...ids, passwordHash: hash.value }));
  }
}

/** The bus being away costs latency and nothing else: it is told, and does not make the controller unhealthy. */
function health(checkStore: () => void, busConnected: boolean, log: Log) {
  const checks = { store: 'ok', bus: busConnected ? 'ok' : 'reconnecting' };
  try {
    checkStore();
    return { ok: true, checks };
  } catch (error) {
    log.error('store.unreadable', { error: error instanceof Error ? error.message : String(error) });
    return { ok: false, checks: { ...checks, store: "cannot be read: see the controller's log" } };
  }
}
