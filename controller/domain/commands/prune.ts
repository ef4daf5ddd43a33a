import type { Command } from '../command.ts';
import type { Mutation } from '../rows.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long history is kept, in milliseconds, by table. */
export const RETENTION = {
  events: 30 * DAY,
  runs: 30 * DAY,
  sessions: 30 * DAY,
  nodeTokens: 7 * DAY,
  idempotency: DAY,
  /** After their expiry: a clock that is put back must not make one valid again. */
  revokedTokens: 7 * DAY,
} as const;

/** Few at a time: pruning shares the applier with everyone. */
const ROWS_AT_ONCE = 500;

/** Removes a little of what is past its time; called every now and then. */
export function prune(): Command<undefined> {
  return {
    name: 'prune',
    decide({ ages }) {
      const mutations = Object.entries(RETENTION).map(
        ([table, keptMs]) => ({ kind: 'prune', table, before: ages.before(keptMs), limit: ROWS_AT_ONCE }) as Mutation,
      );
      return { mutations, events: [], answer: undefined };
    },
  };
}
