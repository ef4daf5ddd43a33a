import type { StoredAudit } from '../domain/audit/audit.ts';
import type { DeltaNews, LogNews, StoredEvent } from '../domain/events/events.ts';

/** Where news goes. Programs beside Raworc subscribe to these: they are part of what it promises. */
export const EVENTS = 'raworc.events.>';
export const DELTAS = 'raworc.deltas.>';
export const LOGS = 'raworc.logs.>';
export const NEWEST = 'raworc.newest';
export const AUDIT = 'raworc.audit.>';

/** `raworc.events.{space}.{session}.{type}`, where `_` stands for none. The type has a dot and so is two tokens. */
export const eventSubject = (event: StoredEvent): string =>
  `raworc.events.${token(event.spaceId)}.${token(event.sessionId)}.${event.type.split('.').map(token).join('.')}`;

export const deltaSubject = (delta: DeltaNews): string => `raworc.deltas.${token(delta.spaceId)}.${token(delta.sessionId)}`;

export const logSubject = (line: LogNews): string => `raworc.logs.${token(line.spaceId)}.${token(line.sessionId)}`;

/** `raworc.audit.{space}.{action}`: the space by its id, `_` for none. */
export const auditSubject = ({ spaceId, action }: StoredAudit): string => `raworc.audit.${token(spaceId)}.${token(action)}`;

/** @throws on what would be more or less than one token, or more than a subject, on the wire. */
function token(text: string | null): string {
  if (text === null) return '_';
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw new Error('not a token of a subject');
  return text;
}
