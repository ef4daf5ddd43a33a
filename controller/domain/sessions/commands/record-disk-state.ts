import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { checkReporter } from '../report-fence.ts';

export interface DiskState {
  readonly from: NodeId;
  readonly sessionId: SessionId;
  readonly generation: number;
  readonly full: boolean;
  readonly limitBytes: number;
}

/**
 * Records an event when a session's disk becomes full or has space again. Returns whether it did.
 */
export function recordDiskState({ from, sessionId, generation, full, limitBytes }: DiskState): Command<boolean> {
  return {
    name: 'record-disk-state',
    decide({ view }) {
      const session = view.get('sessions', sessionId);
      if (session === undefined || checkReporter(session, from, generation) !== 'yes') return unchanged(false);
      const space = view.get('spaces', session.spaceId)?.name ?? session.spaceId;
      const data = { space, limit_bytes: limitBytes };
      return {
        mutations: [],
        events: [{ type: full ? 'session.disk_full' : 'session.disk_room', spaceId: session.spaceId, sessionId, data }],
        result: true,
      };
    },
  };
}
