import { join } from 'node:path';
import type { Clock } from '../../seams/clock.ts';
import type { FreeSpace } from '../../seams/free-space.ts';
import type { Log } from '../../seams/log.ts';
import type { Metrics } from '../../seams/metrics.ts';
import type { Conditions } from '../conditions.ts';
import type { NodeAgent } from '../node.ts';
import type { Command } from './command.ts';
import type { DiskRecord } from './disk-record.ts';
import { DiskSpace } from './disk-space.ts';
import { DiskWatch, type WatchedDisk } from './disk-watch.ts';
import type { Disks } from './disks.ts';
import { Reserve } from './reserve.ts';

/** Enough to write the whole ledger several times. */
const RESERVE_BYTES = 64 * 2 ** 20;

export interface NodeDisksDeps {
  readonly disks: Disks;
  readonly node: Pick<NodeAgent, 'sessions'>;
  readonly dataDirectory: string;
  readonly lowBytes: number;
  readonly run: Command;
  readonly freeSpace: FreeSpace;
  readonly conditions: Conditions;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

const REMEDY = 'Recover it and delete files within ten minutes.';

const watched = ({ session, bytes, kind, stopped }: DiskRecord): WatchedDisk => ({
  session,
  bytes,
  isBounded: kind !== 'measured',
  wasStopped: stopped === true,
});

/** Watches what sessions write and what the host has left, until closed. */
export async function watchDisks(deps: NodeDisksDeps): Promise<{ close(): Promise<void> }> {
  const { disks, node, dataDirectory, lowBytes, run, freeSpace, conditions, clock, log, metrics } = deps;
  const reserve = new Reserve(run, join(dataDirectory, 'reserve'), RESERVE_BYTES);
  await reserve.take().catch((error: unknown) => log.warn('disk-space.no-reserve', { error: String(error) }));
  const space = new DiskSpace({ directory: dataDirectory, lowBytes, freeSpace, conditions, clock, log, metrics, reserve });
  await space.start();
  const mark = (session: string, stopped: boolean) => {
    disks.mark(session, stopped).catch((error: unknown) => log.warn('disk.unmarked', { session, error: String(error) }));
  };
  const watch = new DiskWatch({
    directory: dataDirectory,
    running: async () => {
      const found = await Promise.all(node.sessions.up().map((session) => disks.find(session)));
      return found.flatMap((disk) => (disk === undefined ? [] : [watched(disk)]));
    },
    left: (disk) => disks.left(disk),
    changed: ({ session, bytes }, full) => node.sessions.reportDisk(session, full, bytes),
    exceeded({ session, bytes }, usedBytes) {
      mark(session, true);
      node.sessions.giveUp(session, `disk_full: its files take up ${gib(usedBytes)}, and its limit is ${gib(bytes)}. ${REMEDY}`);
    },
    inOrder: ({ session }) => mark(session, false),
    freeSpace,
    clock,
    log,
    metrics,
  });
  watch.start();
  return {
    async close() {
      space.close();
      await watch.close();
    },
  };
}
