/** The file service, the whole way to a session, and the helper that works on its files, as they are. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import { accepted, type Outcome } from '../../../../controller/domain/engine/outcome.ts';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import { type Files, type FilesFor, fileService } from '../../../../controller/services/files/file-service.ts';
import type { SessionUse } from '../../../../controller/services/streams/session-use.ts';
import { FilesHelper } from '../../../../guest/files/files-helper.ts';
import { bytesOf } from '../../../../proto/streams/files-paths.ts';
import { FILES } from '../../../../proto/streams/files-stream.ts';
import { systemClock } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';
import { type StreamPath, streamPath } from '../../controller/streams/stream-path.ts';

export interface FilesWorld {
  readonly files: Files;
  readonly path: StreamPath;
  readonly to: FilesFor;
  /** The session's workspace, and the directory above. */
  readonly workspace: string;
  readonly session: string;
  /** Pids of the helper's processes. */
  readonly spawned: number;
  toWith(signal: AbortSignal): FilesFor;
  write(path: string, content: string | Buffer, more?: Partial<Parameters<Files['write']>[1]>): ReturnType<Files['write']>;
  read(path: string, more?: Partial<Parameters<Files['read']>[1]>): Promise<Buffer>;
}

export async function filesWorld(t: Test): Promise<FilesWorld> {
  const session = testDirectory(t);
  const workspace = join(session, 'workspace');
  mkdirSync(workspace);
  mkdirSync(join(session, '.raworc'), { mode: 0o700 });
  let spawned = 0;
  const helper = new FilesHelper({
    program: join(import.meta.dirname, '../../../../guest/files/main.ts'),
    sessionDirectory: session,
    path: process.env.PATH ?? '',
    ...{ user: undefined, groups: undefined, clock: systemClock },
    prepare: () => {
      spawned += 1;
    },
    running: () => undefined,
  });
  const path = await streamPath({}, { [FILES]: helper.relay });
  t.teardown(async () => {
    helper.close();
    await path.close();
  });
  const use = {
    permit: () => accepted(undefined),
    open: (_caller: Caller, _id: string, { stream }: { stream(up: object): { kind: string } }, signal: AbortSignal) =>
      path.broker.start(path.session, { ...stream({}), parameters: undefined, ...(stream({}) as object) } as never, signal),
  } as unknown as SessionUse;
  const files = fileService({ use, clock: systemClock });
  const toWith = (signal: AbortSignal): FilesFor => ({
    ...{ caller: {} as Caller, session: path.session.id, payer: { standing: 'member' }, signal },
  });
  const to = toWith(new AbortController().signal);
  return {
    ...{ files, path, to, workspace, session, toWith },
    get spawned() {
      return spawned;
    },
    write: (at, content, more = {}) =>
      files.write(to, { path: bytesOf(at), parents: false, isNew: false, ...more }, Readable.from([Buffer.from(content)])),
    async read(at, more = {}) {
      const { bytes } = value(await files.read(to, { path: bytesOf(at), ...more }));
      return buffer(bytes);
    },
  };
}

export function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.refusal.code} ${outcome.refusal.message}`);
  return outcome.value;
}
