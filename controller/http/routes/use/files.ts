import type { Context } from 'koa';
import { z } from 'zod';
import type { Bytes } from '../../../../proto/streams/files-paths.ts';
import {
  asPath,
  changeQuery,
  type FilesUnpackedObject,
  type FileWrittenObject,
  fileChange,
  fileEntry,
  fileList,
  filesUnpacked,
  fileWritten,
  modeOf,
  noFields,
  PATH_PROBLEM,
  pathQuery,
  type ReadQuery,
  readQuery,
  removeQuery,
  writeQuery,
} from '../../../contract/files.ts';
import type { SessionId } from '../../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome, refused } from '../../../domain/engine/outcome.ts';
import type { Caller } from '../../../services/access/caller.ts';
import { fileObject } from '../../../services/files/file-objects.ts';
import type { FileContent, FilesFor } from '../../../services/files/file-service.ts';
import { payerIn } from '../../access/budget-gate.ts';
import { rangeIn, setFileHeaders, tagIn } from '../../files/file-headers.ts';
import { openTransfer } from '../../files/open-transfer.ts';
import { sendChanges } from '../../files/send-changes.ts';
import { PacedResponse, sendContent } from '../../files/send-content.ts';
import { detached } from '../../input/upload.ts';
import { type Route, route } from '../../routing/route.ts';
import type { RouteDeps } from '../../routing/route-deps.ts';
import { judgeByProgress } from '../../server/body-deadlines.ts';

/** What every request about files has. */
interface Sent {
  readonly ctx: Context;
  readonly caller: Caller;
  readonly params: { readonly id: SessionId };
  readonly query: { readonly path?: Bytes; readonly path_base64?: Bytes; readonly wake?: boolean };
}

const REFUSALS = ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'] as const;
const PATHS =
  'The path is in the address, behind `/files/`, or in `path`, or, if it is not UTF-8, in `path_base64`. Relative ones begin at /session/workspace; `..` is resolved by name. Everything happens as the user of the agents.';

export function fileRoutes({ services: { files }, clock, streams }: RouteDeps): Route[] {
  /** Runs `work` as long as the client stays and can use the files. */
  async function transfer<Result>(
    { ctx, caller, params: { id }, query: { wake } }: Sent,
    work: (to: FilesFor, paced: PacedResponse) => Promise<Outcome<Result>>,
  ): Promise<Outcome<Result>> {
    const canUse = (now: Caller) => files.permit(now, id).ok;
    const permitted = files.permit(caller, id);
    if (!permitted.ok) return permitted;
    const paced = new PacedResponse(ctx.res, clock);
    const tick = () => {
      if (!paced.isStuck) return paced.ping();
      streams.countCut();
      ctx.res.destroy();
    };
    const open = openTransfer(ctx, caller, streams, { canUse, tick });
    try {
      return await work({ caller, session: id, payer: payerIn(ctx), signal: open.signal, wake }, paced);
    } finally {
      open.close();
    }
  }

  async function content(
    { ctx }: Sent,
    paced: PacedResponse,
    outcome: Outcome<FileContent>,
    isRange: boolean,
  ): Promise<Outcome<undefined>> {
    if (!outcome.ok) return outcome;
    setFileHeaders(ctx, outcome.value, isRange);
    if (ctx.get('If-None-Match') === `"${outcome.value.entry.tag}"`) {
      ctx.remove('Content-Length');
      ctx.remove('Content-Range');
      ctx.status = 304;
    }
    if (ctx.status !== 304 && ctx.method !== 'HEAD') await sendContent(ctx, paced, outcome.value);
    else {
      ctx.respond = false;
      ctx.res.end();
    }
    return accepted(undefined);
  }

  const read = (sent: Sent & { readonly query: ReadQuery }, path: Bytes) =>
    transfer(sent, async (to, paced): Promise<Outcome<z.output<typeof fileEntry> | z.output<typeof fileList> | undefined>> => {
      const { ctx, query } = sent;
      if (query.list === true) {
        const after = query.after === undefined ? {} : { after: query.after };
        return mapped(await files.list(to, { path, depth: query.depth, limit: query.limit, ...after }), ({ entries, next }) => ({
          entries: entries.map(fileObject),
          next: next === undefined ? null : Buffer.from(next, 'latin1').toString('base64url'),
        }));
      }
      if (query.stat === true)
        return mapped(await files.change(to, { op: 'stat', path }), ({ entry }) => (entry === undefined ? undefined : fileObject(entry)));
      if (query.watch === true) {
        const place = streams.budgets.take('streams', to.payer);
        if (!place.ok) return place;
        try {
          return await sendChanges(ctx, paced, await files.watch(to, { path, recursive: query.recursive === true }));
        } finally {
          place.value();
        }
      }
      if (query.archive !== undefined) return content(sent, paced, await files.pack(to, { path }), false);
      const range = rangeIn(ctx.get('Range'));
      const ifRange = tagIn(ctx.get('If-Range'));
      const ranged = range === undefined ? {} : { range, ...(ifRange === undefined ? {} : { ifRange }) };
      const outcome = await files.read(to, { path, ...ranged });
      const isPart = outcome.ok && outcome.value.length !== null && outcome.value.length < outcome.value.entry.size;
      return content(sent, paced, outcome, isPart);
    });

  return [
    route({
      method: 'GET',
      path: '/sessions/{id}/files',
      rest: 'path',
      operation: 'getSessionFile',
      permission: 'own or sessions:files',
      summary: 'Returns a file of a session; or with `list`, `stat`, `watch` or `archive`: what is there.',
      description: `${PATHS} Ranges (\`Range\`, \`If-Range\`) and \`If-None-Match\` work as usual. Only regular files have content; a file that is written meanwhile ends where it ended at first. With \`watch\` the response is a text/event-stream of \`change\`, and of \`lost\` where changes are missing: list again then. With \`archive=tar\` it is a tar of the directory; what is neither file, directory nor link, or cannot be read, is left out, and named in a comment at its end. A paused or suspended session is resumed.`,
      query: readQuery,
      answer: z.union([fileEntry, fileList]),
      mayStream: true,
      binary: 'application/octet-stream',
      refusals: [...REFUSALS, 'RANGE_NOT_SATISFIABLE'],
      async respond(sent) {
        const path = pathOf(sent);
        return path.ok ? read(sent, path.value) : path;
      },
    }),
    route({
      method: 'PUT',
      path: '/sessions/{id}/files',
      rest: 'path',
      operation: 'putSessionFile',
      permission: 'own or sessions:files',
      summary: 'Replaces a file of a session in one step, or creates it.',
      description: `${PATHS} The content goes to a temporary file beside it, is synced to the disk and then takes the name: readers see the old content or the new. An existing file keeps its mode. With \`If-Match\` it is replaced only if it still has that ETag; with \`If-None-Match: *\` it is only created. With \`archive=tar\` the body is a tar that is unpacked into the directory, which is created if it is missing; what was unpacked before a fault stays.`,
      query: writeQuery,
      raw: 'application/octet-stream',
      answer: z.union([fileWritten, filesUnpacked]),
      refusals: [...REFUSALS, 'PRECONDITION_FAILED', 'INSUFFICIENT_STORAGE'],
      async respond(sent) {
        const { ctx, query } = sent;
        const path = pathOf(sent);
        if (!path.ok) return path;
        const { parents = false, mode } = query;
        const ifMatch = tagIn(ctx.get('If-Match'));
        const isNew = ctx.get('If-None-Match').trim() === '*';
        return transfer(sent, async (to): Promise<Outcome<FileWrittenObject | FilesUnpackedObject>> => {
          judgeByProgress(ctx.req);
          if (query.archive !== undefined) return files.unpack(to, { path: path.value }, detached(ctx.req));
          const conditions = { isNew, ...(ifMatch === undefined ? {} : { ifMatch }), ...(mode === undefined ? {} : { mode }) };
          const written = await files.write(to, { path: path.value, parents, ...conditions }, detached(ctx.req));
          return mapped(written, ({ entry, created }) => ({ ...fileObject(entry), created }));
        });
      },
    }),
    route({
      method: 'PATCH',
      path: '/sessions/{id}/files',
      rest: 'path',
      operation: 'changeSessionFile',
      permission: 'own or sessions:files',
      summary: 'Changes the mode of a file or directory of a session.',
      description: PATHS,
      query: pathQuery,
      request: fileChange,
      example: { mode: '755' },
      answer: fileEntry,
      refusals: REFUSALS,
      async respond(sent) {
        const path = pathOf(sent);
        if (!path.ok) return path;
        const request = { op: 'chmod', path: path.value, mode: modeOf(sent.body.mode) } as const;
        return transfer(sent, async (to) => shown(await files.change(to, request)));
      },
    }),
    route({
      method: 'POST',
      path: '/sessions/{id}/files',
      rest: 'path',
      operation: 'postSessionFile',
      permission: 'own or sessions:files',
      summary: 'Creates a directory of a session (`mkdir`), or moves a file or directory (`move`).',
      description: PATHS,
      query: changeQuery,
      request: noFields,
      example: {},
      answer: fileWritten,
      refusals: [...REFUSALS, 'INSUFFICIENT_STORAGE'],
      async respond(sent) {
        const { query } = sent;
        const path = pathOf(sent);
        if (!path.ok) return path;
        const to = query.move_base64 ?? query.move;
        if ((query.mkdir === true) === (to !== undefined)) return refused('BAD_REQUEST', 'Send either `mkdir` or `move`.');
        const { parents = false, overwrite = false, mode } = query;
        return transfer(sent, async (within) => {
          const made =
            to === undefined
              ? await files.change(within, { op: 'mkdir', path: path.value, parents, ...(mode === undefined ? {} : { mode }) })
              : await files.change(within, { op: 'move', path: path.value, to, parents, overwrite });
          if (!made.ok) return made;
          const { entry, created } = made.value;
          return entry === undefined ? INCOMPLETE : accepted({ ...fileObject(entry), created });
        });
      },
    }),
    route({
      method: 'DELETE',
      path: '/sessions/{id}/files',
      rest: 'path',
      operation: 'deleteSessionFile',
      permission: 'own or sessions:files',
      summary: 'Removes a file, a link or a directory of a session.',
      description: `${PATHS} A directory that is not empty takes \`recursive\`.`,
      query: removeQuery,
      answer: 'nothing',
      refusals: REFUSALS,
      async respond(sent) {
        const path = pathOf(sent);
        if (!path.ok) return path;
        const request = { op: 'remove', path: path.value, recursive: sent.query.recursive === true } as const;
        return transfer(sent, async (to) => mapped(await files.change(to, request), () => undefined));
      },
    }),
  ];
}

const INCOMPLETE = refused('UNAVAILABLE', 'The session sent an incomplete answer about its files. Retry.');

const shown = (changed: Outcome<{ readonly entry: Parameters<typeof fileObject>[0] | undefined }>) => {
  if (!changed.ok) return changed;
  return changed.value.entry === undefined ? INCOMPLETE : accepted(fileObject(changed.value.entry));
};

/** Returns the path of a request as bytes. One in the address wins. */
function pathOf({ ctx, query: { path, path_base64 } }: Sent): Outcome<Bytes> {
  const inAddress: unknown = ctx.params.path;
  if (typeof inAddress !== 'string') return accepted(path_base64 ?? path ?? '');
  const bytes = asPath(inAddress);
  return bytes === undefined ? refused('BAD_REQUEST', `path ${PATH_PROBLEM}`) : accepted(bytes);
}
