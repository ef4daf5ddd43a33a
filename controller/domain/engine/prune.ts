import { MAX_NODE_TOKEN_S } from '../../contract/nodes.ts';
import { eventsKeptMs } from '../spaces/space-settings.ts';
import type { SpaceView } from '../spaces/view.ts';
import type { Ages } from './agreed-time.ts';
import type { Command } from './command.ts';
import type { Mutation } from './mutation.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long history is kept, in milliseconds, by table. */
export const RETENTION = {
  events: 30 * DAY,
  sessions: 30 * DAY,
  /** Counted from their creation: until then a join token can be valid. */
  nodeTokens: MAX_NODE_TOKEN_S * 1000,
  idempotency: DAY,
  /** Counted from their expiry, so that setting the clock back cannot make one valid again. */
  revokedTokens: 7 * DAY,
} as const;

type Prune = Extract<Mutation, { kind: 'prune' }>;

/** A small batch: pruning shares the applier with all other commands. */
export const PRUNED_AT_ONCE = 200;
/** Spaces with their own retention that one command handles. */
const SPACES_AT_ONCE = 10;

/** Removes a batch of expired history. Returns whether there can be more; repeat until false. */
export function prune(): Command<boolean> {
  return {
    name: 'prune',
    decide({ view, ages }) {
      const isOverdue = ({ table, before, spaceId }: Prune) => view.isOverdue(table, before, spaceId);
      const tables = historyTables(ages).filter(isOverdue);
      const spaces = spaceEvents(view, ages).filter(isOverdue).slice(0, SPACES_AT_ONCE);
      const mutations = [...tables, ...spaces];
      return { mutations, events: [], result: mutations.length > 0 };
    },
  };
}

const historyTables = (ages: Ages): Prune[] =>
  (Object.keys(RETENTION) as Prune['table'][]).map((table) => ({
    ...{ kind: 'prune', table, before: ages.before(RETENTION[table]), limit: PRUNED_AT_ONCE },
  }));

/** Prunes events of spaces with a shorter retention. */
const spaceEvents = (view: SpaceView, ages: Ages): Prune[] =>
  view.spacesWithRetention().flatMap(({ id: spaceId, settings }) => {
    const keptMs = eventsKeptMs(settings);
    return keptMs === undefined ? [] : [{ kind: 'prune', table: 'events', before: ages.before(keptMs), limit: PRUNED_AT_ONCE, spaceId }];
  });
