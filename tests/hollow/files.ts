/** What a pretended guest does with file requests: it keeps them in memory, below /session/workspace. */
import { posix } from 'node:path';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { encodeJson } from '../../proto/streams/files-paths.ts';
import { type FilesRequest, filesRequest } from '../../proto/streams/files-request.ts';
import { encodeHead, type FileEntry, type FileFaultCode, type FilesHead } from '../../proto/streams/files-stream.ts';

type Kept = { bytes: Buffer | undefined; mode: number; version: number };
const WORKSPACE = '/session/workspace';

export class HollowFiles {
  readonly #files = new Map<string, Kept>([[WORKSPACE, { bytes: undefined, mode: 0o755, version: 1 }]]);
  #versions = 1;

  open(stream: ByteStream, parameters: unknown): void {
    const request = filesRequest(parameters);
    const sent: Buffer[] = [];
    const takesBody = request.op === 'write' || request.op === 'unpack';
    let isDone = false;
    const act = () => {
      if (isDone) return;
      isDone = true;
      const body = Buffer.concat(sent).subarray(1);
      stream.end(this.#answer(request, posix.resolve(WORKSPACE, request.path), body, stream));
    };
    stream.on('data', (bytes: Buffer) => {
      sent.push(bytes);
      if (!takesBody && request.op !== 'watch') act();
      if (request.op === 'watch') this.#watch(stream);
    });
    stream.on('end', () => (request.op === 'watch' ? stream.end() : act()));
  }

  #watch(stream: ByteStream): void {
    const entry = this.#entry(WORKSPACE);
    stream.write(encodeHead({ ok: true, ...(entry === undefined ? {} : { entry }) }));
    stream.write(`"ready"\n${encodeJson({ change: 'created', path: 'a', entry })}\n"lost"\n`);
  }

  #answer(request: FilesRequest, path: string, body: Buffer, stream: ByteStream): Buffer {
    const kept = this.#files.get(path);
    const entry = this.#entry(path);
    const good = (head: Partial<FilesHead>) => encodeHead({ ok: true, ...head } as FilesHead);
    const bad = (code: FileFaultCode, message: string, size?: number) =>
      encodeHead({ ok: false, code, message, ...(size === undefined ? {} : { size }) });
    if (request.path.endsWith('full')) return bad('no_space', 'The disk is full.');
    if (path.startsWith('/session/.raworc')) return bad('denied', `${path} is closed.`);
    switch (request.op) {
      case 'write': {
        if (kept !== undefined && kept.bytes === undefined) return bad('conflict', `${path} is a directory.`);
        if (!request.parents && !this.#files.has(posix.dirname(path))) return bad('not_found', `There is no ${path}.`);
        if (request.isNew && kept !== undefined) return bad('changed', `${path} exists already.`);
        if (request.ifMatch !== undefined && request.ifMatch !== '*' && request.ifMatch !== entry?.tag)
          return bad('changed', 'It changed.');
        this.#put(path, body, kept?.mode ?? request.mode ?? 0o644);
        return good({ entry: this.#entry(path) as FileEntry, created: kept === undefined });
      }
      case 'mkdir':
        if (kept !== undefined && !request.parents) return bad('conflict', `The directory ${path} exists already.`);
        if (kept === undefined) this.#put(path, undefined, request.mode ?? 0o755);
        return good({ entry: this.#entry(path) as FileEntry, created: kept === undefined });
      case 'unpack':
        return good({ unpacked: { files: 1, directories: 0, links: 0, bytes: body.byteLength } });
      default:
    }
    if (kept === undefined || entry === undefined) return bad('not_found', `There is no ${path}.`);
    switch (request.op) {
      case 'read': {
        if (kept.bytes === undefined) return bad('conflict', `${path} is a directory.`);
        const { range } = request;
        const size = kept.bytes.byteLength;
        const start = range === undefined ? 0 : 'last' in range ? Math.max(0, size - range.last) : range.start;
        const end = range === undefined || 'last' in range ? size : Math.min(range.end ?? size, size);
        if (range !== undefined && start >= end) return bad('range', 'None of these bytes.', size);
        stream.write(good({ entry, start, length: end - start }));
        return kept.bytes.subarray(start, end);
      }
      case 'list': {
        const below = [...this.#files.keys()].filter((one) => one.startsWith(`${path}/`)).sort();
        const left = below.filter((one) => one.slice(path.length + 1) > (request.after ?? ''));
        const page = left.slice(0, request.limit);
        stream.write(good({ entry }));
        for (const one of page) stream.write(`${encodeJson({ entry: this.#entry(one) })}\n`);
        return Buffer.from(`${JSON.stringify({ end: true, more: left.length > page.length })}\n`);
      }
      case 'move':
        this.#files.delete(path);
        this.#files.set(posix.resolve(WORKSPACE, request.to), kept);
        return good({ entry: this.#entry(posix.resolve(WORKSPACE, request.to)) as FileEntry, created: true });
      case 'remove':
        for (const one of [...this.#files.keys()]) if (one === path || one.startsWith(`${path}/`)) this.#files.delete(one);
        return good({});
      case 'chmod':
        kept.mode = request.mode;
        return good({ entry: this.#entry(path) as FileEntry });
      case 'pack':
        stream.write(good({ entry }));
        return Buffer.alloc(1024);
      default:
        return good({ entry });
    }
  }

  #put(path: string, bytes: Buffer | undefined, mode: number): void {
    this.#versions += 1;
    for (let above = posix.dirname(path); !this.#files.has(above) && above !== '/'; above = posix.dirname(above))
      this.#files.set(above, { bytes: undefined, mode: 0o755, version: this.#versions });
    this.#files.set(path, { bytes, mode, version: this.#versions });
  }

  #entry(path: string): FileEntry | undefined {
    const kept = this.#files.get(path);
    if (kept === undefined) return undefined;
    return {
      ...{ path, type: kept.bytes === undefined ? 'directory' : 'file', size: kept.bytes?.byteLength ?? 4096, mode: kept.mode },
      ...{ modifiedAtMs: 1_700_000_000_000 + kept.version, uid: 1, gid: 1, tag: `v${kept.version}` },
    };
  }
}
