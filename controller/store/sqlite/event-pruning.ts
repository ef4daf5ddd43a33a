/**
 * Retention of events. Numbers grow with time, so a time becomes a number: events need no index of
 * all times, and none of spaces. After a clock was set back, some events have later times than
 * newer ones; they are kept until their own times are past.
 */
import type { SpaceId } from '../../domain/engine/ids.ts';
import { firstNumber } from './sampled-times.ts';

/** The number before the first event that is not overdue, without the newest, which always stays. */
const BOUNDARY = `(coalesce(${firstNumber('events', '>=')}, (select max(number) from events)) - 1)`;

/** Events of a space are pruned up to this number. */
const DONE = `coalesce((select number from pruned_spaces where id = ?), (select min(number) - 1 from events))`;

/** Events that one commit looks through for those of a space. */
export const SCANNED_AT_ONCE = 1000;

/** A statement whose rows have a key and a size. */
export interface OverdueQuery {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

/** Selects the oldest overdue events. */
export const overdueEvents = (before: number, limit: number): OverdueQuery => ({
  sql: `select number as key, octet_length(data) as bytes from events where number <= ${BOUNDARY} and at < ? order by number limit +?`,
  parameters: [before, before, before, limit],
});

/** Selects one row if there are events to look through for those of a space. */
export const hasUnscanned = (spaceId: SpaceId, before: number): OverdueQuery => ({
  sql: `select 1 as key, 0 as bytes where ${BOUNDARY} > ${DONE}`,
  parameters: [before, before, spaceId],
});

/** Selects the last number that the next commit looks through. */
export const nextScanned = (spaceId: SpaceId, before: number): OverdueQuery => ({
  sql: `select min(${BOUNDARY}, (select max(number) from (select number from events where number > ${DONE} order by number limit ${SCANNED_AT_ONCE}))) as key,
    0 as bytes`,
  parameters: [before, before, spaceId],
});

/** Selects the overdue events of a space among those that are looked through next. */
export const overdueOfSpace = (spaceId: SpaceId, before: number, upTo: number, limit: number): OverdueQuery => ({
  sql: `select number as key, octet_length(data) as bytes from events
    where number > ${DONE} and number <= ? and space_id = ? and at < ? order by number limit +?`,
  parameters: [spaceId, upTo, spaceId, before, limit],
});

export const KEEP_SCANNED = 'insert into pruned_spaces (id, number) values (?, ?) on conflict (id) do update set number = excluded.number';
