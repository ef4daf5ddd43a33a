import type { StoredAudit } from '../domain/audit/audit.ts';

import type { DeltaNews, StoredEvent } from '../domain/events/events.ts';

/**
 * Subjects of the published news. Other programs subscribe to these, so they are part of the public
 * interface.
 */
export const EVENTS = 'raworc.events.>';
export const DELTAS = 'raworc.deltas.>';
export const NEWEST = 'raworc.newest';
export const AUDIT = 'raworc.audit.>';

/**
 * `raworc.events.{space}.{session}.{type}`, with `_` for none. The type contains a dot and
 * therefore takes two tokens.
 */
export const eventSubject = (event: StoredEvent): string =>
  `raworc.events.${token(event.spaceId)}.${token(event.sessionId)}.${event.type.split('.').map(token).join('.')}`;

export const deltaSubject = (delta: DeltaNews): string => `raworc.deltas.${token(delta.spaceId)}.${token(delta.sessionId)}`;

/** `raworc.audit.{space}.{action}`, with the space's id, or `_` for none. */
export const auditSubject = ({ spaceId, action }: StoredAudit): string => `raworc.audit.${token(spaceId)}.${token(action)}`;

/** @throws unless the text is one valid token of a subject. */
function token(text: string | null): string {
  if (text === null) return '_';
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw new Error('not a valid token of a subject');
  return text;
}
