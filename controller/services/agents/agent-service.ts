import type { Readable } from 'node:stream';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { Verb } from '../../contract/access/roles.ts';
import type { AgentObject, ChangeAgent, CreateAgent, RunningAgentObject, SettableStatus, SourceObject } from '../../contract/agents.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { agentObject, agentObjectsIn } from '../../domain/agents/agent-objects.ts';
import { type AgentChange, changeAgent, removeAgent } from '../../domain/agents/commands/change-agent.ts';
import { createAgent } from '../../domain/agents/commands/create-agent.ts';
import { putSource } from '../../domain/agents/commands/put-source.ts';
import { NO_AGENT } from '../../domain/agents/refusals.ts';
import type { AgentRow } from '../../domain/agents/rows.ts';
import { deployAgent } from '../../domain/builds/commands/create-build.ts';
import type { AgentId, NodeId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { refreshed, spaceFor } from '../access/access.ts';
import type { Caller, Idempotency, Page } from '../access/caller.ts';
import type { Budgets } from '../budget/budgets.ts';
import { type Payer, payerOf } from '../budget/payer.ts';
import { newBuild } from '../builds/build-service.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type FetchedHeader, takeFetched } from './fetched-sources.ts';
import { SourceKeeping } from './source-keeping.ts';
import type { ReceivedSource, SourceStore } from './source-store.ts';

export type Agents = ReturnType<typeof agentService>;

export interface AgentDeps {
  readonly clock: Clock;
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
  readonly sourceStore: SourceStore;
  readonly budgets: Budgets;
  readonly fleet: Pick<Fleet, 'stopAgent' | 'workers' | 'stream'>;
}

/** The agent of an upload, and its uploader. */
interface Uploading {
  readonly agent: AgentRow;
  readonly caller: Caller;
}

const MAX_JUDGED_AGAIN = 10;

/**
 * Returns an agent by name if the caller has the permission in the space, or by a rule for the
 * agent's name.
 */
export function agentFor(
  view: View,
  caller: Caller,
  spaceName: string,
  name: string,
  verb: Verb,
): Outcome<{ space: SpaceRow; row: AgentRow }> {
  const space = spaceFor(view, caller, spaceName, 'agents', verb, name);
  if (!space.ok) return space;
  const row = view.agentByName(space.value.id, name);
  return row === undefined ? NO_AGENT : accepted({ space: space.value, row });
}

export function agentService(deps: AgentDeps) {
  const { applier, view, lists, random, sourceStore, budgets, fleet } = deps;
  const keeping = new SourceKeeping(lists, sourceStore);
  const endsSame = (nodeId: NodeId) => fleet.stream(nodeId)?.facts.buildFeatures.has('same') === true;

  /** Stores a source. Permissions are checked again, because an upload takes long. */
  async function storeSource(
    mayStill: () => Outcome<Uploading>,
    { source, keep, discard }: ReceivedSource,
  ): Promise<Outcome<SourceObject>> {
    const found = mayStill();
    if (!found.ok) {
      await discard();
      return found;
    }
    const { agent, caller } = found.value;
    await keep();
    let kept = await applier.submit(putSource(agent.id, source), caller);
    // The client cannot repeat an upload, so check again with current permissions.
    for (let again = 0; !kept.ok && kept.refusal.stale === true && again < MAX_JUDGED_AGAIN; again += 1) {
      const now = mayStill();
      kept = now.ok ? await applier.submit(putSource(agent.id, source), now.value.caller) : now;
    }
    for (const digest of new Set([agent.sourceDigest, source.digest])) await keeping.forget(digest);
    return kept;
  }

  function still(caller: Caller, spaceName: string, { id, name }: AgentRow): Outcome<Uploading> {
    const now = refreshed(caller);
    if (!now.ok) return now;
    const found = agentFor(view, now.value, spaceName, name, 'update');
    if (!found.ok) return found;
    return found.value.row.id === id ? accepted({ agent: found.value.row, caller: now.value }) : NO_AGENT;
  }

  /**
   * Sets the requested status of an agent. In every session, messages that it will not answer get
   * an error.
   */
  async function want(caller: Caller, agent: AgentRow, wanted: SettableStatus, interrupt: boolean): Promise<Outcome<AgentObject>> {
    const changed = await applier.submit(changeAgent(agent.id, { wanted }), caller);
    if (changed.ok && wanted !== 'active') fleet.stopAgent(agent, interrupt);
    return changed;
  }

  /** The caller has a say in where its value goes. */
  function refusedSecret(caller: Caller, spaceName: string, secret: string | null | undefined): Outcome<never> | undefined {
    if (secret === null || secret === undefined) return undefined;
    const allowed = spaceFor(view, caller, spaceName, 'secrets', 'get', secret);
    return allowed.ok ? undefined : allowed;
  }

  return {
    removeUnusedSources: () => keeping.removeUnused(),
    /** Takes what a node fetched for a build. */
    takeFetched: (nodeId: NodeId, header: FetchedHeader, body: Readable | undefined) =>
      takeFetched({ view, applier, sourceStore, keeping, budgets, endsSame }, nodeId, header, body),
    async create(caller: Caller, spaceName: string, input: CreateAgent, idempotency?: Idempotency) {
      const space = spaceFor(view, caller, spaceName, 'agents', 'create', input.name);
      if (!space.ok) return space;
      const withheld = refusedSecret(caller, spaceName, input.source_secret);
      if (withheld !== undefined) return withheld;
      return applier.submit(
        createAgent(
          {
            id: random.uuid() as AgentId,
            name: input.name,
            description: input.description ?? null,
            purpose: input.purpose ?? null,
            sourceRepo: input.source_repo ?? null,
            sourceBranch: input.source_branch ?? 'main',
            sourceDirectory: input.source_directory ?? null,
            sourceSecret: input.source_secret ?? null,
            by: { accountId: caller.accountId, user: caller.user },
            build: newBuild(deps, caller, space.value),
          },
          knownRequest(deps.storeKey, caller, idempotency),
        ),
        caller,
      );
    },
    get: (caller: Caller, spaceName: string, name: string) =>
      mapped(agentFor(view, caller, spaceName, name, 'get'), ({ row }) => withWorkers(agentObject(view, row), fleet.workers.count(row.id))),
    async list(caller: Caller, spaceName: string, page: PageRequest) {
      const space = spaceFor(view, caller, spaceName, 'agents', 'list');
      if (!space.ok) return space;
      const found = await lists.rows('agents', { spaceId: space.value.id }, page);
      const shown = agentObjectsIn(view, space.value.id);
      return accepted({ items: found.items.map((row) => withWorkers(shown(row), fleet.workers.count(row.id))), total: found.total });
    },
    /**
     * Reads a gzipped tar of at most 64 MiB from `body`. A refused upload leaves nothing behind.
     */
    async upload(caller: Caller, spaceName: string, name: string, body: Readable, from: Pick<Payer, 'key' | 'address'> = {}) {
      const found = agentFor(view, caller, spaceName, name, 'update');
      if (!found.ok) return found;
      const low = applier.refusesGrowth();
      if (low !== undefined) {
        body.destroy();
        return low;
      }
      const payer = { ...payerOf(caller), ...from, space: found.value.space.id };
      const place = budgets.take('uploads', payer);
      if (!place.ok) {
        body.destroy();
        return place;
      }
      const spool = budgets.open('upload_spool_bytes', payer);
      try {
        const claim = {
          packed: (bytes: number) => budgets.charge('upload_bytes', payer, bytes),
          spooled: (bytes: number) => spool.grow(bytes),
        };
        // A complete upload counts even if its client has disconnected.
        const turn = () => keeping.checkTurn(caller.accountId);
        const received = await sourceStore.receive(body, claim, turn);
        return received.ok
          ? await keeping.inTurn(() => storeSource(() => still(caller, spaceName, found.value.row), received.value))
          : received;
      } finally {
        spool.release();
        place.value();
      }
    },
    async update(caller: Caller, spaceName: string, name: string, input: ChangeAgent) {
      const found = agentFor(view, caller, spaceName, name, 'update');
      if (!found.ok) return found;
      const change = changeOf(input);
      if (Object.keys(change).length === 0) return refused('BAD_REQUEST', `The request changes nothing. Send ${CHANGEABLE}.`);
      const { id, sourceDigest, sourceRepo, sourceSecret } = found.value.row;
      // Another repository would get the secret that is set, and agents get it once it is not set any more.
      const { source_secret = sourceSecret } = input;
      const isFreed = (input.source_repo ?? sourceRepo) !== sourceRepo || source_secret !== sourceSecret;
      for (const secret of [input.source_secret, isFreed ? sourceSecret : null]) {
        const withheld = refusedSecret(caller, spaceName, secret);
        if (withheld !== undefined) return withheld;
      }
      const changed = await applier.submit(changeAgent(id, change), caller);
      if (changed.ok) await keeping.inTurn(() => keeping.forget(sourceDigest));
      return changed;
    },
    /**
     * Sets whether the agent receives messages. `inactive`: it receives no more, and messages
     * already queued get an `error_response`; a run in progress finishes, then the worker exits.
     * `stopped`: the same, but a run in progress is interrupted.
     */
    async setStatus(caller: Caller, spaceName: string, name: string, status: SettableStatus) {
      const found = agentFor(view, caller, spaceName, name, 'update');
      if (!found.ok) return found;
      return want(caller, found.value.row, status, status === 'stopped');
    },
    async stop(caller: Caller, spaceName: string, name: string) {
      const found = agentFor(view, caller, spaceName, name, 'deploy');
      return found.ok ? want(caller, found.value.row, 'inactive', true) : found;
    },
    /** Returns agents with a live worker in a running session. */
    running(caller: Caller, spaceName: string, page: PageRequest): Outcome<Page<RunningAgentObject>> {
      const space = spaceFor(view, caller, spaceName, 'agents', 'list');
      if (!space.ok) return space;
      const rows = fleet.workers.agentsIn(space.value.id).flatMap((id) => view.get('agents', id) ?? []);
      rows.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      if (page.order !== 'asc') rows.reverse();
      const shown = agentObjectsIn(view, space.value.id);
      const items = rows.slice(page.offset, page.offset + page.limit).flatMap((row) => {
        const startedAtMs = fleet.workers.startedAtMs(row.id);
        if (startedAtMs === undefined) return [];
        const sessions = fleet.workers.count(row.id);
        const { name, status } = withWorkers(shown(row), sessions);
        return [{ name, status, started_at: rfc3339(startedAtMs), sessions }];
      });
      return accepted({ items, total: rows.length });
    },
    async remove(caller: Caller, spaceName: string, name: string): Promise<Outcome<undefined>> {
      const found = agentFor(view, caller, spaceName, name, 'delete');
      if (!found.ok) return found;
      const removed = await applier.submit(removeAgent(found.value.row.id), caller);
      if (!removed.ok) return removed;
      fleet.stopAgent(removed.value, true);
      await keeping.inTurn(() => keeping.forget(removed.value.sourceDigest));
      return accepted(undefined);
    },
    /** Queues a build of every active agent in the space, and activates this one. */
    async deploy(caller: Caller, spaceName: string, name: string) {
      const found = agentFor(view, caller, spaceName, name, 'deploy');
      if (!found.ok) return found;
      return applier.submit(deployAgent(found.value.row.id, newBuild(deps, caller, found.value.space)), caller);
    },
  };
}

const CHANGEABLE = 'description, purpose, source_repo, source_branch, source_directory or source_secret';

function changeOf(input: ChangeAgent): AgentChange {
  const { description, purpose, source_repo, source_branch, source_directory, source_secret } = input;
  return {
    ...(description === undefined ? {} : { description }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(source_repo === undefined ? {} : { sourceRepo: source_repo }),
    ...(source_branch === undefined ? {} : { sourceBranch: source_branch }),
    ...(source_directory === undefined ? {} : { sourceDirectory: source_directory }),
    ...(source_secret === undefined ? {} : { sourceSecret: source_secret }),
  };
}

const withWorkers = (agent: AgentObject, workers: number): AgentObject =>
  agent.status === 'active' && workers > 0 ? { ...agent, status: 'running' } : agent;
