import type { Environment } from './environment.ts';
import { RaworcError, Unreachable } from './errors.ts';
import type { Wire } from './event-feed.ts';
import type { FileEntry, FileList, FilesUnpacked, FileWritten } from './generated/types.gen.ts';
import { frames } from './server-sent-events.ts';
import type { Outgoing } from './transport.ts';

/** Absolute, or below /session/workspace. As bytes where a name is not UTF-8. */
export type FilePath = string | Uint8Array;
export type FileBody = string | Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

export interface FileOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether a paused or suspended session is resumed. Default: true. */
  readonly wake?: boolean | undefined;
}
export interface FileRead {
  /** Undefined: not known before the end. */
  readonly size: number | undefined;
  readonly etag: string | undefined;
  /** Permissions in octal. */
  readonly mode: string | undefined;
  /** Fails if the connection breaks off, or the file became shorter. */
  readonly bytes: ReadableStream<Uint8Array<ArrayBuffer>>;
}
/** `lost`: changes are missing here, list again. `gone`: the directory itself was removed. */
export type FileChange =
  | { readonly kind: 'ready' | 'lost' | 'gone' }
  | {
      readonly kind: 'change';
      readonly type: 'created' | 'modified' | 'removed' | 'attributes';
      /** Relative to the directory that is watched. */
      readonly path: string;
      readonly path_base64?: string;
      /** Of a removal that was a rename within the directory, as far as it is known. */
      readonly renamed_to?: string;
      readonly renamed_to_base64?: string;
      readonly entry?: FileEntry;
    };

type FilesWire = Wire & { readonly environment: Pick<Environment, 'after'> };
type Query = Readonly<Record<string, string | undefined>>;

const flag = (value: boolean | undefined): string | undefined => (value === undefined ? undefined : String(value));

/** The files of one session. Contents are streamed, whatever their size. */
export class SessionFiles {
  readonly #wire: FilesWire;
  readonly #session: string;

  constructor(wire: FilesWire, session: string) {
    this.#wire = wire;
    this.#session = session;
  }

  /** Opens a file. `start` and `end` (exclusive) choose a part of it. */
  async read(
    path: FilePath,
    { start, end, ...options }: FileOptions & { readonly start?: number; readonly end?: number } = {},
  ): Promise<FileRead> {
    const isPart = start !== undefined || end !== undefined;
    const headers = isPart ? { range: `bytes=${start ?? 0}-${end === undefined ? '' : end - 1}` } : {};
    return readOf(await this.#send({ method: 'GET', headers }, path, {}, options));
  }

  async text(path: FilePath, options: FileOptions = {}): Promise<string> {
    return (await this.#send({ method: 'GET' }, path, {}, options)).text();
  }

  /**
   * Replaces a file in one step, or creates it. A stream is sent once; other bodies are sent again
   * if the server does not answer.
   */
  async write(
    path: FilePath,
    body: FileBody,
    {
      mode,
      parents,
      ifMatch,
      isNew,
      ...options
    }: FileOptions & {
      /** Of a new file, in octal. Default: 644. */
      readonly mode?: string;
      /** Creates missing directories. */
      readonly parents?: boolean;
      /** Replaces only the file with this ETag. */
      readonly ifMatch?: string;
      /** Replaces nothing. */
      readonly isNew?: boolean;
    } = {},
  ): Promise<FileWritten> {
    const headers = {
      'content-type': 'application/octet-stream',
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...(isNew === true ? { 'if-none-match': '*' } : {}),
    };
    const answer = await this.#send({ method: 'PUT', headers, ...bodyOf(body) }, path, { mode, parents: flag(parents) }, options);
    return (await answer.json()) as FileWritten;
  }

  /** Returns what is at a path, without following a link. */
  async stat(path: FilePath, options: FileOptions = {}): Promise<FileEntry> {
    return (await (await this.#send({ method: 'GET' }, path, { stat: 'true' }, options)).json()) as FileEntry;
  }

  /** Yields the entries of a directory, page by page, and with `depth` those below. */
  async *list(
    path: FilePath = '',
    { depth = 1, ...options }: FileOptions & { readonly depth?: number } = {},
  ): AsyncGenerator<FileEntry, void> {
    let after: string | undefined;
    do {
      const query = { list: 'true', depth: String(depth), after };
      const page = (await (await this.#send({ method: 'GET' }, path, query, options)).json()) as FileList;
      yield* page.entries;
      after = page.next ?? undefined;
    } while (after !== undefined);
  }

  /** Creates a directory. With `parents`, one that exists is as good. */
  async makeDirectory(
    path: FilePath,
    { parents, mode, ...options }: FileOptions & { readonly parents?: boolean; readonly mode?: string } = {},
  ) {
    const answer = await this.#send({ method: 'POST' }, path, { mkdir: 'true', parents: flag(parents), mode }, options);
    return (await answer.json()) as FileWritten;
  }

  async move(
    path: FilePath,
    to: FilePath,
    { parents, overwrite, ...options }: FileOptions & { readonly parents?: boolean; readonly overwrite?: boolean } = {},
  ): Promise<FileWritten> {
    const target = typeof to === 'string' ? { move: to } : { move_base64: base64(to) };
    const query = { ...target, parents: flag(parents), overwrite: flag(overwrite) };
    return (await (await this.#send({ method: 'POST' }, path, query, options)).json()) as FileWritten;
  }

  /** Removes a file, a link or a directory; with `recursive`, what is in the directory too. */
  async remove(path: FilePath, { recursive, ...options }: FileOptions & { readonly recursive?: boolean } = {}): Promise<void> {
    await (await this.#send({ method: 'DELETE' }, path, { recursive: flag(recursive) }, options)).body?.cancel();
  }

  /** `mode` is in octal, such as 755. */
  async changeMode(path: FilePath, mode: string, options: FileOptions = {}): Promise<FileEntry> {
    const request = { method: 'PATCH' as const, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ mode }) };
    return (await (await this.#send(request, path, {}, options)).json()) as FileEntry;
  }

  /** Opens a directory as a tar. */
  async download(path: FilePath, options: FileOptions = {}): Promise<FileRead> {
    return readOf(await this.#send({ method: 'GET' }, path, { archive: 'tar' }, options));
  }

  /** Unpacks a tar into a directory, which is created if it is missing. */
  async upload(path: FilePath, archive: FileBody, options: FileOptions = {}): Promise<FilesUnpacked> {
    const request = { method: 'PUT' as const, headers: { 'content-type': 'application/octet-stream' }, ...bodyOf(archive) };
    return (await (await this.#send(request, path, { archive: 'tar' }, options)).json()) as FilesUnpacked;
  }

  /** Yields changes in a directory as they happen. Leaving the loop ends the watch. */
  async *watch(
    path: FilePath = '',
    { recursive, signal, wake }: FileOptions & { readonly recursive?: boolean } = {},
  ): AsyncGenerator<FileChange, void> {
    const { transport, environment } = this.#wire;
    const ending = new AbortController();
    const stop = AbortSignal.any([ending.signal, transport.signal, ...(signal === undefined ? [] : [signal])]);
    const request = { method: 'GET' as const, headers: { accept: 'text/event-stream' } };
    const response = await this.#send(request, path, { watch: 'true', recursive: flag(recursive) }, { signal: stop, wake });
    try {
      for await (const { event, data } of frames(response, environment, stop, () => undefined)) {
        const fields = JSON.parse(data);
        if (event === 'ready' || event === 'lost' || event === 'gone') yield { kind: event };
        else if (event === 'change') yield { kind: 'change', ...fields };
        else if (event === 'error') throw new RaworcError({ status: 503, code: fields.code, message: fields.message });
      }
      throw new Unreachable('The connection ended during the watch');
    } finally {
      ending.abort();
    }
  }

  #send(request: Pick<Outgoing, 'method' | 'headers' | 'body' | 'isOnce'>, path: FilePath, query: Query, { signal, wake }: FileOptions) {
    const { transport, tokens } = this.#wire;
    const on = typeof path === 'string' ? { path } : { path_base64: base64(path) };
    const all = Object.entries({ ...on, ...query, wake: flag(wake) }).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    );
    const whole = `/sessions/${encodeURIComponent(this.#session)}/files?${new URLSearchParams(all)}`;
    return transport.send({ ...request, path: whole, signal }, tokens, async (response) => response);
  }
}

function readOf({ headers, body }: Response): FileRead {
  const length = headers.get('content-length');
  return {
    size: length === null ? undefined : Number(length),
    etag: headers.get('etag') ?? undefined,
    mode: headers.get('x-raworc-mode') ?? undefined,
    bytes: body ?? new Blob([]).stream(),
  };
}

const bodyOf = (body: FileBody): Pick<Outgoing, 'body' | 'isOnce'> =>
  body instanceof ReadableStream ? { body, isOnce: true } : { body: body instanceof Uint8Array ? new Blob([body]) : body };

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
