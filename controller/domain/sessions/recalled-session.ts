import { type KnownRequest, recall } from '../engine/idempotency.ts';
import type { SessionObject } from '../engine/objects.ts';
import { accepted, type Outcome, refused } from '../engine/outcome.ts';
import { sessionObject } from '../engine/present.ts';
import type { View } from '../engine/view.ts';

/** The session that this very request made before; undefined when it is new. 404 when that session is gone, 422 when the key came with another request. */
export function recalledSession(view: View, request: KnownRequest | undefined): Outcome<SessionObject> | undefined {
  const made = recall(view, request);
  if (made === undefined || !made.ok) return made;
  const row = view.get('sessions', made.value);
  if (row === undefined || row.desired === 'deleted') return refused('NOT_FOUND', 'The session that this key made is gone.');
  return accepted(sessionObject(view, row));
}
