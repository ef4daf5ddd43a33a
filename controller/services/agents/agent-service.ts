import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { AgentObject, ChangeAgent, CreateAgent, RunningAgentObject, SettableStatus, SourceObject } from '../../contract/agents.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { Verb } from '../../contract/roles.ts';
import { agentObject, agentObjectsIn } from '../../domain/agents/agent-objects.ts';
import { type AgentChange, changeAgent, removeAgent } from '../../domain/agents/commands/change-agent.ts';
import { createAgent } from '../../domain/agents/commands/create-agent.ts';
import { type CheckedSource, putSource } from '../../domain/agents/commands/put-source.ts';
import { NO_AGENT } from '../../domain/agents/refusals.ts';
import type { AgentRow } from '../../domain/agents/rows.ts';
import { deployAgent } from '../../domain/builds/commands/create-build.ts';
import type { AgentId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { spaceFor, stillThere } from '../access/access.ts';
import type { Budgets } from '../budget/budgets.ts';
import { type Payer, payerOf } from '../budget/payer.ts';
import { type EndTurn, Turns } from '../budget/turns.ts';
import { newBuild } from '../builds/build-service.ts';
import type { Applier } from '../engine/applier.ts';
import type { Caller, Idempotency, Page } from '../engine/caller.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';
import type { Fleet } from '../fleet/fleet.ts';

/** Sources that were uploaded and checked, kept by their digest. */
export interface SourceShelf {
  /** Takes in an archive, waits for its turn and checks it. What is refused leaves nothing behind. */
  receive(body: Readable, claim: SourceClaim, turn: () => Promise<EndTurn | undefined>): Promise<Outcome<ReceivedSource>>;
  /** Removes a source that nothing refers to. */
  remove(digest: string): Promise<void>;
  /** The digests of all sources that are kept. */
  kept(): Promise<readonly string[]>;
}

/** Asked before bytes are taken: a refusal ends the upload. */
export interface SourceClaim {
  /** Bytes as they arrive. */
  packed(bytes: number): Outcome<unknown>;
  /** Bytes to be written to disk. */
  spooled(bytes: number): Outcome<unknown> | Promise<Outcome<unknown>>;
}

/** A checked archive that is not kept yet. Either is to be called, once. */
export interface ReceivedSource {
  readonly source: CheckedSource;
  keep(): Promise<void>;
  discard(): Promise<void>;
}

export type Agents = ReturnType<typeof agentService>;

export interface AgentDeps {
  readonly clock: Clock;
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
  readonly shelf: SourceShelf;
  readonly budgets: Budgets;
  readonly fleet: Pick<Fleet, 'stopAgent' | 'workers'>;
}

/** Uploads that are unpacked and packed at once, each on a core of its own, with one left to all else. The others wait, each in a file. */
const CHECKS = { most: Math.max(1, Math.min(2, availableParallelism() - 1)), maxOfKey: 1 };

/** An agent that a source is uploaded for, and by whom. */
interface Uploading {
  readonly agent: AgentRow;
  readonly caller: Caller;
}

const MAX_JUDGED_AGAIN = 10;

/** An agent by name, for a caller who may do that with it: by a rule for all agents of the space, or for those of its name. */
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
  const { applier, view, lists, random, shelf, budgets, fleet } = deps;
  let last: Promise<unknown> = Promise.resolve();

  /** One after another, so that what one upload takes for unused is not what another is about to use. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  }

  /** An upload takes its time: whether it still may is judged at its end. */
  async function shelve(mayStill: () => Outcome<Uploading>, { source, keep, discard }: ReceivedSource): Promise<Outcome<SourceObject>> {
    const found = mayStill();
    if (!found.ok) {
      await discard();
      return found;
    }
    const { agent, caller } = found.value;
    await keep();
    let kept = await applier.submit(putSource(agent.id, source), caller);
    // What was uploaded cannot be sent again: it is judged again here, by the rights of then.
    for (let again = 0; !kept.ok && kept.refusal.stale === true && again < MAX_JUDGED_AGAIN; again += 1) {
      const now = mayStill();
      kept = now.ok ? await applier.submit(putSource(agent.id, source), now.value.caller) : now;
    }
    for (const digest of new Set([agent.sourceDigest, source.digest])) await forget(digest);
    return kept;
  }

  function still(caller: Caller, spaceName: string, { id, name }: AgentRow): Outcome<Uploading> {
    const now = stillThere(caller);
    if (!now.ok) return now;
    const found = agentFor(view, now.value, spaceName, name, 'update');
    if (!found.ok) return found;
    return found.value.row.id === id ? accepted({ agent: found.value.row, caller: now.value }) : NO_AGENT;
  }

  /** Sets what is wanted of an agent; whoever is not to answer any more is told so in every session. */
  async function want(caller: Caller, agent: AgentRow, wanted: SettableStatus, interrupt: boolean): Promise<Outcome<AgentObject>> {
    const changed = await applier.submit(changeAgent(agent.id, { wanted }), caller);
    if (changed.ok && wanted !== 'active') fleet.stopAgent(agent, interrupt);
    return changed;
  }

  async function forget(digest: string | null): Promise<void> {
    if (digest !== null && !(await lists.sourceInUse(digest))) await shelf.remove(digest);
  }

  const checks = new Turns(CHECKS.most);

  return {
    /** Removes the sources that nothing needs any more. Uploads wait meanwhile, never long. */
    async removeUnusedSources() {
      for (const digest of await shelf.kept()) await inTurn(() => forget(digest));
    },
    async create(caller: Caller, spaceName: string, input: CreateAgent, idempotency?: Idempotency) {
      const space = spaceFor(view, caller, spaceName, 'agents', 'create', input.name);
      if (!space.ok) return space;
      return applier.submit(
        createAgent({
          id: random.uuid() as AgentId,
          name: input.name,
          description: input.description ?? null,
          purpose: input.purpose ?? null,
          sourceRepo: input.source_repo ?? null,
          sourceBranch: input.source_branch ?? 'main',
          by: { accountId: caller.accountId, user: caller.user },
          build: newBuild(deps, caller, space.value),
          request: knownRequest(deps.storeKey, caller, idempotency),
        }),
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
    /** Reads a gzipped tar of at most 64 MiB from `body`. A refused one leaves nothing behind. */
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
        // Whoever sent a whole archive and left has asked for it all the same.
        const turn = () => checks.wait([{ key: caller.accountId, most: CHECKS.maxOfKey }], new AbortController().signal);
        const received = await shelf.receive(body, claim, turn);
        return received.ok ? await inTurn(() => shelve(() => still(caller, spaceName, found.value.row), received.value)) : received;
      } finally {
        spool.release();
        place.value();
      }
    },
    async update(caller: Caller, spaceName: string, name: string, input: ChangeAgent) {
      const found = agentFor(view, caller, spaceName, name, 'update');
      if (!found.ok) return found;
      const change = changeOf(input);
      if (Object.keys(change).length > 0) return applier.submit(changeAgent(found.value.row.id, change), caller);
      return refused('BAD_REQUEST', 'Nothing to change. Send description, purpose, source_repo or source_branch.');
    },
    /**
     * Sets whether the agent receives messages. `inactive`: it receives no more, and messages already queued get an
     * `error_response`; a run in progress finishes, then the worker exits. `stopped`: the same, but a run is interrupted.
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
    /** Agents with a live worker in a session that is up. */
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
      await inTurn(() => forget(removed.value.sourceDigest));
      return accepted(undefined);
    },
    /** Queues the build that puts every active agent of the space into one image, and makes this one active. */
    async deploy(caller: Caller, spaceName: string, name: string) {
      const found = agentFor(view, caller, spaceName, name, 'deploy');
      if (!found.ok) return found;
      return applier.submit(deployAgent(found.value.row.id, newBuild(deps, caller, found.value.space)), caller);
    },
  };
}

function changeOf({ description, purpose, source_repo, source_branch }: ChangeAgent): AgentChange {
  return {
    ...(description === undefined ? {} : { description }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(source_repo === undefined ? {} : { sourceRepo: source_repo }),
    ...(source_branch === undefined ? {} : { sourceBranch: source_branch }),
  };
}

const withWorkers = (agent: AgentObject, workers: number): AgentObject =>
  agent.status === 'active' && workers > 0 ? { ...agent, status: 'running' } : agent;
