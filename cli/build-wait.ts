import { type Build, buildIn, type EventFeed, type FeedItem, type Raworc, RaworcError } from '../sdk/raworc.ts';
import { duration, type Io, Trouble } from './io.ts';

/** Events are only a hint: the stream can be refused or cut, or hide builds from this account. */
const LOOK_MS = 10_000;
/** The controller knows by then why the build waits, if it does. */
const FIRST_LOOK_MS = 1_000;

export const isFinished = ({ status }: Build): boolean => status !== 'pending' && status !== 'building';

/**
 * Opens the event stream to wait on. Called before the build starts, so that no event is missed.
 * Undefined if the server refuses the stream.
 */
export async function eventsFor(raworc: Raworc): Promise<EventFeed | undefined> {
  try {
    return await raworc.events();
  } catch (error) {
    if (error instanceof RaworcError && (error.status === 429 || error.status === 403)) return undefined;
    throw error;
  }
}

/**
 * Resolves with the finished build: watches its events, and asks every ten seconds. Calls `changed`
 * with each new state, the last one too. Throws after `timeoutMs`.
 */
export async function finishedBuild(
  io: Pick<Io, 'after'>,
  raworc: Raworc,
  queued: Build,
  events: EventFeed | undefined,
  timeoutMs: number,
  changed: (build: Build) => void = () => undefined,
): Promise<Build> {
  const after = io.after ?? afterTimeout;
  const wait = <T>(ms: number, value: T) => {
    const { promise, resolve } = Promise.withResolvers<T>();
    return { promise, cancel: after(ms, () => resolve(value)) };
  };
  const deadline = wait(timeoutMs, 'late' as const);
  let look = wait(FIRST_LOOK_MS, 'look' as const);
  let build = queued;
  let next: Promise<FeedItem | 'ended'> | undefined = events === undefined ? undefined : nextOf(events);
  try {
    for (changed(build); !isFinished(build); changed(build)) {
      const first: FeedItem | 'ended' | 'look' | 'late' = await Promise.race([
        deadline.promise,
        look.promise,
        ...(next === undefined ? [] : [next]),
      ]);
      if (first === 'late') throw late(build, timeoutMs);
      if (first === 'look') look = wait(LOOK_MS, 'look');
      else next = first === 'ended' || events === undefined ? undefined : nextOf(events);
      const news = typeof first === 'string' ? undefined : buildIn(first);
      if (news?.id === build.id) build = news;
      // Events missed while the stream was cut come later: asking is quicker.
      else if (typeof first === 'string' || first.kind !== 'event') build = await raworc.builds.get(build.space, build.id);
    }
    return build;
  } finally {
    deadline.cancel();
    look.cancel();
  }
}

function nextOf(events: EventFeed): Promise<FeedItem | 'ended'> {
  return events.next().then(
    (item) => item ?? 'ended',
    () => 'ended',
  );
}

const late = ({ id, status }: Build, timeoutMs: number): Trouble =>
  new Trouble(
    `Build ${id} is still ${status} after ${duration(timeoutMs)} and continues. Check \`raworc agent list\`, or wait longer with --timeout`,
  );

export function afterTimeout(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
