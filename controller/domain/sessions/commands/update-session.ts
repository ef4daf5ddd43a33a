import type { SessionObject, UpdateSession } from '../../../contract/sessions.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import { metadataBytes, refusedBySpace } from '../../spaces/space-admission.ts';
import { NO_SESSION } from '../refusals.ts';
import type { SessionRow } from '../rows.ts';
import { sessionObject } from '../session-object.ts';

/** Updates a session. Metadata is replaced as a whole. */
export function updateSession(id: SessionId, update: UpdateSession): Command<Outcome<SessionObject>> {
  return {
    name: 'update-session',
    decide({ view, fleet, now }) {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return unchanged(NO_SESSION);
      const after: SessionRow = { ...row, name: update.name ?? row.name, metadata: update.metadata ?? row.metadata, updatedAt: now };
      const [had, has] = [metadataBytes(row.metadata), metadataBytes(after.metadata)];
      // The event contains a second copy of the metadata.
      const asked = { sessions: 0, requests: undefined, storageBytes: Math.max(0, 2 * has - had) } as const;
      const full = refusedBySpace(view, fleet, row.spaceId, asked, 'also inactive');
      if (full !== undefined) return unchanged(full);
      const session = sessionObject(view, after);
      return {
        mutations: [put('sessions', after)],
        events: [{ type: 'session.updated', spaceId: row.spaceId, sessionId: id, data: { space: session.space, session } }],
        result: accepted(session),
      };
    },
  };
}
