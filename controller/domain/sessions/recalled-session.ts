import type { SessionObject } from '../../contract/sessions.ts';
import { type KnownRequest, recall } from '../engine/idempotency.ts';
import type { Outcome } from '../engine/outcome.ts';
import type { RowView } from '../engine/view.ts';
import { sessionObject } from './session-object.ts';

/** Returns the session that the same request created before, see {@link recall}. */
export const recalledSession = (view: RowView, request: KnownRequest | undefined): Outcome<SessionObject> | undefined =>
  recall(view, request, ['sessions', 'session'], (row) => (row.desired === 'deleted' ? undefined : sessionObject(view, row)));
