import { flag, integer, json, type RowOf, text } from '../engine/fields.ts';
import type { SpaceId } from '../engine/ids.ts';

export const SPACES = {
  id: text<SpaceId>(),
  name: text(),
  description: text<string | null>(),
  settings: json<Readonly<Record<string, unknown>>>(),
  /** Incremented by every change of a secret. */
  secretsVersion: integer(),
  active: flag(),
  createdAt: integer(),
  updatedAt: integer(),
  createdBy: text(),
};
export interface SpaceRow extends RowOf<typeof SPACES> {}

export const SECRETS = {
  id: text(),
  spaceId: text<SpaceId>(),
  keyName: text(),
  description: text<string | null>(),
  /** AES-256-GCM: nonce, ciphertext and tag, base64. */
  sealed: text(),
  /** The id of the key that seals it. */
  keyId: text(),
  createdAt: integer(),
  updatedAt: integer(),
  createdBy: text(),
};
export interface SecretRow extends RowOf<typeof SECRETS> {}
