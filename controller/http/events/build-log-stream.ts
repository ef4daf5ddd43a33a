import type { Context } from 'koa';
import type { BuildLogLine } from '../../contract/builds.ts';
import { type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import { openStream, type Streaming } from './sse.ts';

/** Streams the log of a build, from the line after Last-Event-ID on, until the build has ended. */
export function streamBuildLog(
  ctx: Context,
  caller: Caller,
  { name, build_id }: { readonly name: string; readonly build_id: string },
  streaming: Streaming,
): Outcome<undefined> {
  const { builds } = streaming.services;
  const build = builds.followed(caller, name, build_id);
  if (!build.ok) return build;
  const last = ctx.get('Last-Event-ID');
  if (!/^\d{0,9}$/.test(last))
    return refused('BAD_REQUEST', 'Last-Event-ID is not the number of a line. Omit it to start with the first line.');
  return openStream(ctx, streaming, {
    session: undefined,
    standing: (caller) => (builds.followed(caller, name, build_id).ok ? 'visible' : 'over'),
    watch: (watcher, offer) =>
      builds.followLog(caller, build.value, Number(last), {
        line: (line, number) => offer(() => lineFrame(line, number)),
        end(build) {
          offer(() => Buffer.from(`event: end\ndata: ${JSON.stringify({ type: 'end', build })}\n\n`));
          watcher.end();
        },
      }),
  });
}

const lineFrame = (line: BuildLogLine, number: number): Buffer =>
  Buffer.from(`id: ${number}\nevent: log\ndata: ${JSON.stringify({ type: 'log', ...line })}\n\n`);
