import { isAttempt } from '../../../proto/streams/build-log.ts';
import type { BuildLogLine } from '../../contract/builds.ts';
import { isOpen } from '../../domain/builds/commands/advance-build.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import type { BuildLogs } from './build-logs.ts';

export interface ShownLog {
  readonly view: View;
  /** Undefined: what nodes print is not kept. */
  readonly logs: BuildLogs | undefined;
  readonly row: BuildRow;
  /** Whether the reader can see nodes. */
  readonly seesNodes: boolean;
  readonly follow: boolean;
}

/**
 * Yields the log of a build as readers see it: what the controller did, and in between what its node
 * printed. With `follow`, until the build has ended.
 */
export async function* shownLog(
  { view, logs, row: first, seesNodes, follow }: ShownLog,
  signal: AbortSignal,
): AsyncGenerator<readonly BuildLogLine[]> {
  const current = () => view.get('builds', first.id);
  const own = (line: string, atMs: number): BuildLogLine => ({ line, timestamp: rfc3339(atMs), stage: null });
  const agents = [...first.agents, ...first.unfetched].map(({ name }) => name).join(', ');
  yield [own(`Queued with ${agents === '' ? 'no agents' : agents}.`, first.createdAt)];
  for (let row = current(); follow && isOpen(row) && row.nodeId === null && logs !== undefined; row = current()) {
    await logs.change(first.id, signal).come;
    if (signal.aborted) return;
  }
  const nodeId = current()?.nodeId ?? null;
  if (nodeId !== null && seesNodes) yield [own(`Assigned to the node ${view.get('nodes', nodeId)?.name ?? nodeId}.`, first.createdAt)];
  if (logs !== undefined) {
    if (!follow) await logs.complete(first, signal);
    let attempts = 0;
    for await (const parts of logs.lines(first, follow, signal)) {
      const lines: BuildLogLine[] = [];
      for (const part of parts) {
        if (!isAttempt(part)) lines.push({ line: part.line, timestamp: rfc3339(part.atMs), stage: part.stage ?? null });
        else if (attempts++ > 0)
          lines.push(own('The build began again.', lines.length === 0 ? first.createdAt : Date.parse(lines.at(-1)?.timestamp ?? '')));
      }
      if (lines.length > 0) yield lines;
    }
  }
  const row = current();
  if (row === undefined || row.completedAt === null || signal.aborted) return;
  const isSame = !row.image.endsWith(row.id);
  const done = isSame ? `Nothing has changed, so nothing was built: ${row.image} serves on.` : `Completed as ${row.image}.`;
  if (row.status === 'completed') yield [own(done, row.completedAt)];
  if (row.status === 'failed') yield [own(`Failed: ${row.error ?? 'no reason was given.'}`, row.completedAt)];
  if (row.status === 'cancelled') yield [own('Cancelled.', row.completedAt)];
}
