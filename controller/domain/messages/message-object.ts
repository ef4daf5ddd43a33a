import type { MessageObject } from '../../contract/messages.ts';
import { rfc3339 } from '../engine/time.ts';
import type { MessageRow } from './rows.ts';

export const messageObject = (row: MessageRow): MessageObject => ({
  id: row.id,
  session_id: row.sessionId,
  seq: row.seq,
  role: row.role,
  content: row.content,
  metadata: row.metadata,
  created_by: row.createdBy,
  created_at: rfc3339(row.createdAt),
});
