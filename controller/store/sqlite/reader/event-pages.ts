import type { SessionId } from '../../../domain/engine/ids.ts';
import type { EventLog, EventPage, PageBounds } from '../../../domain/events/event-log.ts';
import { EVENTS, type StoredEvent } from '../../../domain/events/events.ts';
import { columnsOf, type SqlRow, selected } from '../columns.ts';
import { OF_SESSION } from '../events-of-session.ts';
import type { Query, Reader } from './reader.ts';

/** Runs queries that all see one commit, on a reader thread or on a connection of this thread. */
export type ReadQueries = (queries: readonly Query[]) => Promise<readonly (readonly SqlRow[])[]>;

const EVENT = columnsOf(EVENTS)
  .map(({ field, name }) => `e.${name} as "${field}"`)
  .join(', ');
const NEWEST = 'select coalesce(max(number), 0) as newest from events';
/**
 * A space can keep its events for less time than others, so a removed event need not be the oldest
 * of all.
 */
const BEFORE_IN_SESSION = `select number from events where ${OF_SESSION} and number <= ? order by number desc limit 1`;
const COUNT_OF_SESSION = 'select count from session_event_counts where session_id = ?';

/**
 * Selects the numbers and sizes of the page first, so that data beyond the page is not read: the
 * length of a text is in its row's header.
 */
function pageSql(where: string): string {
  return `
    with sized as (select number, octet_length(data) as bytes from events where ${where} order by number limit ?),
    summed as (select number, sum(bytes) over (order by number) - bytes as bytes_before, count(*) over () as found from sized)
    select s.found, ${EVENT}
    from summed s join events e on e.number = s.number
    where s.bytes_before < ? order by e.number`;
}

const ALL = pageSql('number > ?');
const OF_ONE_SESSION = pageSql(`${OF_SESSION} and number > ?`);

/** Reads a page of the event log. */
export async function readEventPage(
  read: ReadQueries,
  after: number,
  { limit, maxBytes }: PageBounds,
  session?: SessionId,
): Promise<EventPage> {
  const queries: Query[] =
    session === undefined
      ? [{ sql: ALL, parameters: [after, limit, maxBytes] }]
      : [
          { sql: OF_ONE_SESSION, parameters: [session, session, after, limit, maxBytes] },
          { sql: BEFORE_IN_SESSION, parameters: [session, session, after] },
          { sql: COUNT_OF_SESSION, parameters: [session] },
        ];
  const [ends = [], rows = [], before = [], counts = []] = await read([{ sql: NEWEST, parameters: [] }, ...queries]);
  const events = rows.map(storedEvent);
  const newest = Number(ends[0]?.newest ?? 0);
  const found = Number(rows[0]?.found ?? 0);
  const last = events.at(-1);
  const isCut = found === limit || events.length < found;
  const reached = last !== undefined && isCut ? last.number : Math.max(after, newest);
  const gap =
    session === undefined ? hasGap(events, after, reached) : before.length === 0 && isCutOff(events, Number(counts[0]?.count ?? 0));
  return { events, reached, gap };
}

/** Returns whether a number between the two is missing. */
function hasGap(events: readonly StoredEvent[], after: number, reached: number): boolean {
  return events.length !== reached - after;
}

/**
 * Returns whether events of a session can be missing before these, the oldest stored ones.
 * Retention removes events in order, so nothing after a stored event is missing.
 */
function isCutOff([first]: readonly StoredEvent[], count: number): boolean {
  return first === undefined ? count > 0 : first.sessionNumber !== 1;
}

const storedEvent = ({ found, ...row }: SqlRow): StoredEvent => selected(EVENTS, row);

/** Returns the same event log, with pages read on a thread. */
export function eventsOnThread(events: EventLog, reader: Pick<Reader, 'read'>): EventLog {
  return {
    epoch: events.epoch,
    newest: () => events.newest(),
    oldest: () => events.oldest(),
    after: (number, bounds, session) => readEventPage((queries) => reader.read(queries), number, bounds, session),
    published: () => events.published(),
    markPublished: (number) => events.markPublished(number),
  };
}
