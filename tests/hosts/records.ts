import { join } from 'node:path';
import { RunRecords } from '../cluster/storm-agent.ts';
import type { Rack } from './rack.ts';

/** What the agents of these sessions recorded on the disks of their hosts. Each has answered once. */
export function recordsOf(rack: Rack, sessions: readonly string[]): RunRecords {
  const holders = new Map(rack.all.flatMap((host) => host.disks().map((session) => [session, host] as const)));
  return new RunRecords(
    new Map(
      sessions.flatMap((session) => {
        const host = holders.get(session);
        return host === undefined ? [] : [[session, join(host.files(session), 'workspace', 'record')] as const];
      }),
    ),
  );
}
