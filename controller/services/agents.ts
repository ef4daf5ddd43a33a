import type { Readable } from 'node:stream';
import type { Random } from '../../seams/random.ts';
import { createAgent } from '../domain/commands/create-agent.ts';
import { createBuild, deployAgent } from '../domain/commands/create-build.ts';
import { type CheckedSource, putSource } from '../domain/commands/put-source.ts';
import type { AgentId, BuildId } from '../domain/ids.ts';
import type { SourceObject } from '../domain/objects.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import { agentObject, buildObject } from '../domain/present.ts';
import type { Resource, Verb } from '../domain/rbac.ts';
import type { AgentRow, SpaceRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import { spaceFor } from './access.ts';
import type { Agents, Builds, Caller } from './api.ts';
import type { Applier } from './applier.ts';
import { knownRequest } from './idempotency-keys.ts';
import type { Lists } from './lists.ts';

/** Sources that were uploaded and checked, kept by their digest. */
export interface SourceShelf {
  /** Checks an archive. What is refused leaves nothing behind. */
  receive(body: Readable): Promise<Outcome<ReceivedSource>>;
  /** Removes a source that nothing refers to. */
  remove(digest: string): Promise<void>;
}

/** A checked archive that is not kept yet. Either is to be called, once. */
export interface ReceivedSource {
  readonly source: CheckedSource;
  keep(): Promise<void>;
  discard(): Promise<void>;
}

/** Each may take a gigabyte of disk while it is checked. */
const MOST_UPLOADS = 4;

export interface AgentNeeds {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
  readonly shelf: SourceShelf;
}

const NO_AGENT = refused('NOT_FOUND', 'There is no such agent.');

function agentFor(view: View, caller: Caller, spaceName: string, name: string, resource: Resource, verb: Verb) {
  const space = spaceFor(view, caller, spaceName, resource, verb);
  if (!space.ok) return space;
  const row = view.agentByName(space.value.id, name);
  return row === undefined ? NO_AGENT : accepted<{ space: SpaceRow; row: AgentRow }>({ space: space.value, row });
}

export function agentService(needs: AgentNeeds): Agents {
  const { applier, view, lists, random, shelf } = needs;
  let uploads = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** One after another, so that what one upload takes for unused is not what another is about to use. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  }

  async function shelve(id: AgentId, { source, keep, discard }: ReceivedSource): Promise<Outcome<SourceObject>> {
    const agent = view.get('agents', id);
    if (agent === undefined) {
      await discard();
      return NO_AGENT;
    }
    await keep();
    const kept = await applier.submit(putSource(id, source));
    for (const digest of new Set([agent.sourceDigest, source.digest])) {
      if (digest !== null && !isSourceInUse(view, digest)) await shelf.remove(digest);
    }
    return kept;
  }

  return {
    async create(caller, spaceName, input, idempotency) {
      const space = spaceFor(view, caller, spaceName, 'agents', 'create');
      if (!space.ok) return space;
      if (input.name === 'running') {
        return refused('UNPROCESSABLE_ENTITY', 'No agent can be named "running".', [{ path: 'name', problem: 'reserved' }]);
      }
      if (input.source_repo !== undefined) {
        const problem = 'not supported by this version: create the agent without it and upload its directory';
        return refused('UNPROCESSABLE_ENTITY', `source_repo is ${problem}.`, [{ path: 'source_repo', problem }]);
      }
      return applier.submit(
        createAgent({
          id: random.uuid() as AgentId,
          spaceId: space.value.id,
          name: input.name,
          description: input.description ?? null,
          purpose: input.purpose ?? null,
          sourceRepo: null,
          sourceBranch: input.source_branch ?? 'main',
          by: { accountId: caller.accountId, user: caller.user },
          request: knownRequest(needs.storeKey, caller, idempotency),
        }),
      );
    },
    get(caller, spaceName, name) {
      const found = agentFor(view, caller, spaceName, name, 'agents', 'get');
      return found.ok ? accepted(agentObject(view, found.value.row)) : found;
    },
    async list(caller, spaceName, page) {
      const space = spaceFor(view, caller, spaceName, 'agents', 'list');
      if (!space.ok) return space;
      const found = await lists.rows('agents', { spaceId: space.value.id }, page);
      return accepted({ items: found.items.map((row) => agentObject(view, row)), total: found.total });
    },
    async upload(caller, spaceName, name, body) {
      const found = agentFor(view, caller, spaceName, name, 'agents', 'update');
      if (!found.ok) return found;
      if (uploads >= MOST_UPLOADS) {
        body.destroy();
        return refused('RATE_LIMITED', `${MOST_UPLOADS} uploads are being checked: try again in a moment.`, { retry_after_s: 5 });
      }
      uploads += 1;
      try {
        const received = await shelf.receive(body);
        return received.ok ? await inTurn(() => shelve(found.value.row.id, received.value)) : received;
      } finally {
        uploads -= 1;
      }
    },
    async deploy(caller, spaceName, name) {
      const found = agentFor(view, caller, spaceName, name, 'agents', 'deploy');
      if (!found.ok) return found;
      return applier.submit(deployAgent(found.value.row.id, newBuild(needs, caller, found.value.space)));
    },
  };
}

/** Some agent's, or part of a build that is not finished. */
export const isSourceInUse = (view: View, digest: string): boolean =>
  view.sourceInUse(digest) || view.openBuilds().some(({ agents }) => agents.some((agent) => agent.digest === digest));

const newBuild = (needs: AgentNeeds, caller: Caller, space: SpaceRow) => ({
  id: needs.random.uuid() as BuildId,
  spaceId: space.id,
  baseImage: needs.baseImage,
  user: caller.user,
});

export function buildService(needs: AgentNeeds): Builds {
  const { applier, view } = needs;
  const none = refused('NOT_FOUND', 'There is no such build.');
  return {
    async create(caller, spaceName) {
      const space = spaceFor(view, caller, spaceName, 'builds', 'create');
      return space.ok ? applier.submit(createBuild(newBuild(needs, caller, space.value))) : space;
    },
    latest(caller, spaceName) {
      const space = spaceFor(view, caller, spaceName, 'builds', 'get');
      if (!space.ok) return space;
      const build = view.newestBuild(space.value.id);
      return build === undefined ? none : accepted(buildObject(view, build));
    },
    get(caller, spaceName, id) {
      const space = spaceFor(view, caller, spaceName, 'builds', 'get');
      if (!space.ok) return space;
      const build = view.get('builds', id);
      return build === undefined || build.spaceId !== space.value.id ? none : accepted(buildObject(view, build));
    },
  };
}
