import type { SpaceId } from '../engine/ids.ts';

export interface SpaceRow {
  readonly id: SpaceId;
  readonly name: string;
  readonly description: string | null;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Raised by every change of one of its secrets. */
  readonly secretsVersion: number;
  readonly active: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
}

export interface SecretRow {
  readonly id: string;
  readonly spaceId: SpaceId;
  readonly keyName: string;
  readonly description: string | null;
  /** AES-256-GCM: nonce, ciphertext and tag, base64. */
  readonly sealed: string;
  /** Of the key that seals it. */
  readonly keyId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
}
