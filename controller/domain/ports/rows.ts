import { integer, type RowOf, text } from '../engine/fields.ts';
import type { AccountId, SessionId, SpaceId } from '../engine/ids.ts';

/** A port of a session that anybody can reach until its end. */
export const PORT_SHARES = {
  /** Session and port, as `shareIdOf` joins them. */
  id: text<PortShareId>(),
  sessionId: text<SessionId>(),
  spaceId: text<SpaceId>(),
  port: integer(),
  /** Who made it public: it ends with their permission. */
  accountId: text<AccountId>(),
  /** The API key that they used, with which it ends too. */
  keyId: text<string | null>(),
  createdBy: text(),
  createdAt: integer(),
  publicUntil: integer(),
};
export interface PortShareRow extends RowOf<typeof PORT_SHARES> {}

export type PortShareId = `${string}:${number}`;
export const shareIdOf = (session: SessionId, port: number): PortShareId => `${session}:${port}`;
