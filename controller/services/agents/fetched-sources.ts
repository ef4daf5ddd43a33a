import type { Readable } from 'node:stream';
import { type FetchedAgent, recordFetched } from '../../domain/builds/commands/record-fetched.ts';
import type { BuildId, NodeId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, type Refusal, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Budgets } from '../budget/budgets.ts';
import type { Applier } from '../engine/applier.ts';
import type { SourceKeeping } from './source-keeping.ts';
import type { SourceStore } from './source-store.ts';

export interface FetchedHeader {
  readonly buildId: string;
  readonly agent: string;
  readonly commit: string;
}

export interface FetchedDeps {
  readonly view: View;
  readonly applier: Pick<Applier, 'apply'>;
  readonly sourceStore: SourceStore;
  readonly keeping: SourceKeeping;
  readonly budgets: Budgets;
  /** Returns whether a node can be told that a build has nothing to do. */
  endsSame(nodeId: NodeId): boolean;
}

export interface TakenSource extends Pick<FetchedAgent, 'built' | 'sameAs'> {}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Takes the source of an agent that a node fetched from its repository: checks it like an upload,
 * stores it, and puts it into the build. Without a body, the source is the one that the agent has
 * of that commit. Refusals are for the build's owner.
 */
export async function takeFetched(
  { view, applier, sourceStore, keeping, budgets, endsSame }: FetchedDeps,
  nodeId: NodeId,
  { buildId, agent, commit }: FetchedHeader,
  body: Readable | undefined,
): Promise<Outcome<TakenSource>> {
  const build = view.get('builds', buildId);
  const isAsked = build?.nodeId === nodeId && build.unfetched.some(({ name }) => name === agent);
  if (!isAsked || !COMMIT.test(commit)) {
    body?.destroy();
    return refused('NOT_FOUND', 'No build of this node fetches that source.');
  }
  const fetched = { buildId: build.id as BuildId, nodeId, agent, commit, endsSame: endsSame(nodeId) };
  if (body === undefined) return applier.apply(recordFetched(fetched));
  const spool = budgets.open('upload_spool_bytes', { space: build.spaceId, standing: 'member' });
  try {
    const claim = { packed: () => accepted(undefined), spooled: (bytes: number) => spool.grow(bytes) };
    const received = await sourceStore.receive(body, claim, () => keeping.checkTurn(build.spaceId));
    if (!received.ok) return ofRepository(received.refusal);
    return await keeping.inTurn(async () => {
      const { source, keep } = received.value;
      await keep();
      const recorded = await applier.apply(recordFetched({ ...fetched, source }));
      for (const digest of new Set([source.digest, recorded.ok ? recorded.value.replaced : null])) await keeping.forget(digest);
      return recorded;
    });
  } finally {
    spool.release();
  }
}

/** The check speaks of archives, which the owner of a repository never sees. */
const ofRepository = ({ code, message }: Refusal) =>
  refused(code, message.replaceAll('The archive', 'The repository').replaceAll('the archive', 'the repository'));
