import type { Readable } from 'node:stream';
import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import type {
  FilesRequest,
  ListFiles,
  PackDirectory,
  ReadFile,
  UnpackDirectory,
  WatchFiles,
  WriteFile,
} from '../../../proto/streams/files-request.ts';
import { filesParameters, LIST_BOUNDS } from '../../../proto/streams/files-request.ts';
import { FILES, FILES_START, type FileEntry, listLine, type WatchLine, watchLine } from '../../../proto/streams/files-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { CommandUser } from '../../contract/profiles.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, type Refused, refused } from '../../domain/engine/outcome.ts';
import { refusedUser } from '../../domain/sessions/profile-admission.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Caller } from '../access/caller.ts';
import type { Payer } from '../budget/payer.ts';
import type { SessionUse } from '../streams/session-use.ts';
import { contentOf, type GoodHead, headOf, linesOf } from './answers.ts';
import { gatherFor } from './gather-pieces.ts';

/** Unread bytes in all processes on the way, of contents and of answers: a window passes in a round trip. */
const CONTENT_WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;
const CONTENTS: readonly FilesRequest['op'][] = ['read', 'pack'];
/** How long the guest can take once it has everything: removing a large tree, or a slow disk. */
const ANSWER_MS = 600_000;

const windowOf = ({ op }: FilesRequest): number => (CONTENTS.includes(op) ? CONTENT_WINDOW_BYTES : WINDOW_BYTES);

/** For whom, and how long: aborting the signal ends whatever is open. */
export interface FilesFor {
  readonly caller: Caller;
  readonly session: SessionId;
  readonly payer: Payer;
  readonly signal: AbortSignal;
  /** Whether a paused or suspended session is resumed. Default: true. */
  readonly wake?: boolean | undefined;
  /** Root: only in a workstation. Default: the session's user. */
  readonly user?: CommandUser | undefined;
}

export interface FileContent {
  readonly entry: FileEntry;
  /** First byte that is sent. */
  readonly start: number;
  /** Null: not known before the end. */
  readonly length: number | null;
  /** Throws a {@link StreamError} if the content ends early. Leaving the loop ends the transfer. */
  readonly bytes: AsyncIterable<Buffer>;
}
export interface FilePage {
  readonly entries: readonly FileEntry[];
  /** For `after` of the next page; undefined after the last. */
  readonly next: string | undefined;
}
export interface FileChanges {
  /** Throws a {@link StreamError} if they end early. Leaving the loop ends the watch. */
  readonly lines: AsyncIterable<WatchLine>;
}

/** Requests that are answered with a head alone. */
type Asked = Exclude<FilesRequest, { op: 'read' | 'write' | 'list' | 'watch' | 'pack' | 'unpack' }>;

export type Files = ReturnType<typeof fileService>;

export interface FilesDeps {
  readonly use: SessionUse;
  readonly clock: Pick<Clock, 'after' | 'soon'>;
}

/** Works on the files of sessions, as the user of each session. Paths are strings of bytes. */
export function fileService({ use, clock }: FilesDeps) {
  async function opened({ caller, session, payer, signal, wake, user }: FilesFor, request: FilesRequest): Promise<Outcome<ByteStream>> {
    const refusedAs = user === undefined ? undefined : refusedFor(use.permit(caller, session, 'files'), user);
    if (refusedAs !== undefined) return refusedAs;
    const audited = !['read', 'list', 'stat', 'watch', 'pack'].includes(request.op);
    const stream = () => ({ kind: FILES, parameters: filesParameters(request, user === 'root'), window: windowOf(request), payer });
    const outcome = await use.open(caller, session, { verb: 'files', wake, audited, stream }, signal);
    if (!outcome.ok) return outcome;
    const { value } = outcome;
    const end = () => value.destroy();
    signal.addEventListener('abort', end);
    value.once('close', () => signal.removeEventListener('abort', end));
    if (signal.aborted) end();
    value.write(FILES_START);
    return outcome;
  }

  async function inTime<Result>(stream: ByteStream, result: Promise<Result>): Promise<Result> {
    const late = clock.after(ANSWER_MS, () => stream.destroy(new StreamError('failed', 'The session did not answer in time.')));
    return result.finally(() => late.cancel());
  }

  /** Sends a request without a body. The stream is open for what follows the head. */
  async function begun(to: FilesFor, request: FilesRequest): Promise<Outcome<{ readonly head: GoodHead; readonly stream: ByteStream }>> {
    const stream = await opened(to, request);
    if (!stream.ok) return stream;
    stream.value.end();
    const head = await inTime(stream.value, headOf(stream.value));
    return head.ok ? accepted({ head: head.value, stream: stream.value }) : head;
  }

  async function asked(to: FilesFor, request: FilesRequest): Promise<Outcome<GoodHead>> {
    const outcome = await begun(to, request);
    if (!outcome.ok) return outcome;
    outcome.value.stream.resume();
    return accepted(outcome.value.head);
  }

  /** Sends a body, and resolves with the answer, which can come before its end. */
  async function sent(to: FilesFor, request: FilesRequest, body: Readable): Promise<Outcome<GoodHead>> {
    const outcome = await opened(to, request);
    if (!outcome.ok) return outcome;
    const stream = outcome.value;
    const cut = () => stream.destroy(new StreamError('cancelled', 'The upload was cut off. Nothing was replaced.'));
    const head = headOf(stream);
    body.once('error', cut);
    body.once('close', () => body.readableEnded || cut());
    if (body.destroyed) cut();
    body.on('data', gatherFor(stream, clock));
    body.pipe(stream);
    const answered = stream.writableFinished ? inTime(stream, head) : head;
    stream.once('finish', () => void inTime(stream, head).catch(() => undefined));
    const result = await answered;
    body.unpipe(stream);
    stream.resume();
    if (!stream.writableEnded) stream.destroy();
    return result;
  }

  const unexpected = () => refused('UNAVAILABLE', 'The session sent an incomplete answer about its files. Retry.');

  return {
    permit: (caller: Caller, session: SessionId): Outcome<undefined> => {
      const row = use.permit(caller, session, 'files');
      return row.ok ? accepted(undefined) : row;
    },

    /** `stat`, `mkdir`, `move`, `chmod`: the entry afterwards. `remove`: none. */
    async change(to: FilesFor, request: Asked): Promise<Outcome<{ readonly entry: FileEntry | undefined; readonly created: boolean }>> {
      const head = await asked(to, request);
      return head.ok ? accepted({ entry: head.value.entry, created: head.value.created === true }) : head;
    },

    async read(to: FilesFor, request: Omit<ReadFile, 'op'>): Promise<Outcome<FileContent>> {
      const outcome = await begun(to, { op: 'read', ...request });
      if (!outcome.ok) return outcome;
      const { head, stream } = outcome.value;
      const { entry, start = 0, length = null } = head;
      if (entry === undefined) return unexpected();
      return accepted({ entry, start, length, bytes: contentOf(stream, length) });
    },

    /** Replaces a file in one step, at the end of the body. A body that fails leaves it as it is. */
    async write(
      to: FilesFor,
      request: Omit<WriteFile, 'op'>,
      body: Readable,
    ): Promise<Outcome<{ readonly entry: FileEntry; readonly created: boolean }>> {
      const head = await sent(to, { op: 'write', ...request }, body);
      if (!head.ok) return head;
      const { entry, created = false } = head.value;
      return entry === undefined ? unexpected() : accepted({ entry, created });
    },

    async list(to: FilesFor, request: Omit<ListFiles, 'op'>): Promise<Outcome<FilePage>> {
      const outcome = await begun(to, { op: 'list', ...request });
      if (!outcome.ok) return outcome;
      const { head, stream } = outcome.value;
      const entries: FileEntry[] = [];
      let bytes = 0;
      try {
        for await (const line of linesOf(stream, listLine)) {
          if ('end' in line) {
            const root = head.entry?.path === '/' ? '' : (head.entry?.path ?? '');
            const last = entries.at(-1)?.path.slice(root.length + 1);
            return accepted({ entries, next: line.more ? last : undefined });
          }
          bytes += 2 * line.entry.path.length;
          entries.push(line.entry);
          if (entries.length > LIST_BOUNDS.rows || bytes > 2 * LIST_BOUNDS.bytes) break;
        }
      } catch (error) {
        if (!(error instanceof StreamError)) throw error;
      } finally {
        stream.destroy();
      }
      return unexpected();
    },

    async watch(to: FilesFor, request: Omit<WatchFiles, 'op'>): Promise<Outcome<FileChanges>> {
      const outcome = await begun(to, { op: 'watch', ...request });
      return outcome.ok ? accepted({ lines: linesOf(outcome.value.stream, watchLine) }) : outcome;
    },

    /** A directory, or a file, as a tar. */
    async pack(to: FilesFor, request: Omit<PackDirectory, 'op'>): Promise<Outcome<FileContent>> {
      const outcome = await begun(to, { op: 'pack', ...request });
      if (!outcome.ok) return outcome;
      const { head, stream } = outcome.value;
      return head.entry === undefined
        ? unexpected()
        : accepted({ entry: head.entry, start: 0, length: null, bytes: contentOf(stream, null) });
    },

    /** Unpacks a tar into a directory. What was unpacked before a fault stays. */
    async unpack(to: FilesFor, request: Omit<UnpackDirectory, 'op'>, body: Readable): Promise<Outcome<NonNullable<GoodHead['unpacked']>>> {
      const head = await sent(to, { op: 'unpack', ...request }, body);
      if (!head.ok) return head;
      return head.value.unpacked === undefined ? unexpected() : accepted(head.value.unpacked);
    },
  };
}

/** Returns why files cannot be worked on as a user; undefined if they can. */
const refusedFor = (permitted: Outcome<SessionRow>, user: CommandUser): Refused | undefined =>
  permitted.ok ? refusedUser(permitted.value, user) : permitted;
