import { bytesOf } from '../../../proto/streams/files-paths.ts';
import type { FileEntry } from '../../../proto/streams/files-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { FilesFor } from '../../services/files/file-service.ts';
import { ConnectError } from '../connect/codes.ts';
import { flag, integer, text } from '../connect/fields.ts';
import type { E2bDeps } from '../exchange.ts';
import { type Call, type Calls, refusedCall } from './connect-calls.ts';
import type { DataExchange } from './data-exchange.ts';
import { entryInfo, isShown } from './entry-info.ts';
import { fileEvents } from './file-events.ts';
import { absolutePath, type SandboxUser } from './paths.ts';
import { Watchers } from './watchers.ts';

const SERVICE = '/filesystem.Filesystem';
/** Entries of one list. Clients of E2B know no pages. */
const MAX_LISTED = 100_000;
/** Of their paths: the answer has each two or three times, and is in memory as a whole. */
const MAX_LISTED_CHARACTERS = 8 * 1024 * 1024;
const PAGE = 10_000;

/** For whom files are worked on. */
export const filesFor = ({ access, payer, signal }: DataExchange, user: SandboxUser): FilesFor => ({
  ...{ caller: access.caller, session: access.session.id, payer, signal },
  ...(user === 'root' ? { user } : {}),
});

/** Conflicts are of the kind: a file where a directory should be. */
export function fileValue<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  if (outcome.refusal.code === 'CONFLICT') throw new ConnectError('invalid_argument', outcome.refusal.message);
  throw refusedCall(outcome.refusal);
}

/** Files and directories of sandboxes. */
export function filesystemCalls({ services: { files }, random, clock }: E2bDeps): Omit<Calls, 'inputs'> {
  const watchers = new Watchers(clock);
  const to = (call: Call) => filesFor(call, call.user());
  const pathIn = (call: Call, name = 'path') => absolutePath(text(call.request, name), call.user());
  const stat = async (call: Call, path: string): Promise<FileEntry> => {
    const { entry } = fileValue(await files.change(to(call), { op: 'stat', path: bytesOf(path) }));
    if (entry === undefined) throw new ConnectError('internal', 'The sandbox sent an incomplete answer. Retry.');
    return entry;
  };

  async function list(call: Call): Promise<object> {
    const path = pathIn(call);
    const depth = Math.max(1, integer(call.request, 'depth'));
    const root = await stat(call, path);
    if ((root.link?.type ?? root.type) !== 'directory') throw new ConnectError('invalid_argument', `${path} is not a directory.`);
    const entries: object[] = [];
    let characters = 0;
    let after: string | undefined;
    do {
      const page = fileValue(
        await files.list(to(call), { path: bytesOf(path), depth, limit: PAGE, ...(after === undefined ? {} : { after }) }),
      );
      for (const entry of page.entries) {
        characters += entry.path.length + (entry.link?.target?.length ?? 0);
        if (isShown(entry)) entries.push(entryInfo(entry));
      }
      after = page.next;
    } while (after !== undefined && entries.length < MAX_LISTED && characters < MAX_LISTED_CHARACTERS);
    if (after !== undefined)
      throw new ConnectError(
        'resource_exhausted',
        `${path} has more entries than one answer can have (${MAX_LISTED}, or fewer with long paths). List its directories.`,
      );
    return { entries };
  }

  async function makeDirectory(call: Call): Promise<object> {
    const path = pathIn(call);
    const { entry, created } = fileValue(await files.change(to(call), { op: 'mkdir', path: bytesOf(path), mode: 0o755, parents: true }));
    if (!created) throw new ConnectError('already_exists', `The directory ${path} exists.`);
    return entry === undefined ? {} : { entry: entryInfo(entry, path) };
  }

  async function move(call: Call): Promise<object> {
    const [source, destination] = [pathIn(call, 'source'), pathIn(call, 'destination')];
    const moved = await files.change(to(call), {
      ...{ op: 'move', path: bytesOf(source), to: bytesOf(destination), parents: true, overwrite: true },
    });
    fileValue(moved);
    return { entry: entryInfo(await stat(call, destination), destination) };
  }

  async function remove(call: Call): Promise<object> {
    const removed = await files.change(to(call), { op: 'remove', path: bytesOf(pathIn(call)), recursive: true });
    if (!removed.ok && removed.refusal.code === 'NOT_FOUND') return {};
    fileValue(removed);
    return {};
  }

  /** Yields the events of a directory. */
  async function* watched(call: Call, signal: AbortSignal): AsyncGenerator<object | 'ready'> {
    const path = pathIn(call);
    const [recursive, withEntry] = [flag(call.request, 'recursive') === true, flag(call.request, 'includeEntry') === true];
    const root = await stat(call, path);
    if ((root.link?.type ?? root.type) !== 'directory') throw new ConnectError('invalid_argument', `${path} is not a directory.`);
    const { lines } = fileValue(await files.watch({ ...to(call), signal }, { path: bytesOf(path), recursive }));
    const eventsOf = fileEvents({ root: path, withEntry });
    for await (const line of lines) {
      if (line === 'ready') yield line;
      else if (line === 'gone') return;
      else if (line !== 'lost') yield* eventsOf(line);
    }
  }

  return {
    unary: {
      async [`${SERVICE}/Stat`](call) {
        const path = pathIn(call);
        return { entry: entryInfo(await stat(call, path), path) };
      },
      [`${SERVICE}/ListDir`]: list,
      [`${SERVICE}/MakeDir`]: makeDirectory,
      [`${SERVICE}/Move`]: move,
      [`${SERVICE}/Remove`]: remove,
      async [`${SERVICE}/CreateWatcher`](call) {
        const watcherId = random.uuid();
        await watchers.open(call.access.sandbox.id, watcherId, (signal) => watched(call, signal));
        return { watcherId };
      },
      [`${SERVICE}/GetWatcherEvents`]: async (call) => ({
        events: await watchers.take(call.access.sandbox.id, text(call.request, 'watcherId')),
      }),
      async [`${SERVICE}/RemoveWatcher`](call) {
        watchers.remove(call.access.sandbox.id, text(call.request, 'watcherId'));
        return {};
      },
    },
    streams: {
      async [`${SERVICE}/WatchDir`](call) {
        try {
          for await (const event of watched(call, call.signal))
            if (!(await call.send(event === 'ready' ? { start: {} } : { filesystem: event }))) return;
        } catch (error) {
          if (error instanceof StreamError) return call.cut();
          throw error;
        }
      },
    },
  };
}
