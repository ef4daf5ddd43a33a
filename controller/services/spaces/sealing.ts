import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { SecretRow } from '../../domain/spaces/rows.ts';

const CIPHER = 'aes-256-gcm';
export const SEALING_KEY_BYTES = 32;
/** Random per sealed value: 96 bits, as GCM requires. */
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A key that seals secrets. Newer keys have greater ids. */
export interface SealingKey {
  readonly id: string;
  readonly key: KeyObject;
}

export const sealingKey = (id: string, bytes: Uint8Array): SealingKey => {
  if (bytes.byteLength !== SEALING_KEY_BYTES) throw new Error(`the sealing key ${id} must have 32 bytes, but has ${bytes.byteLength}`);
  return { id, key: createSecretKey(bytes) };
};

/** What a sealed value is bound to: it cannot be opened in another row. */
export type SealedThing = Pick<SecretRow, 'id' | 'spaceId' | 'keyName'>;
export type Sealed = Pick<SecretRow, 'sealed' | 'keyId'>;

/**
 * The keys that seal secrets, in memory: the newest seals, each opens what it sealed. AES-256-GCM
 * with the row's identity as additional data.
 */
export class SealingRing {
  #keys = new Map<string, SealingKey>();
  #current: SealingKey;

  /** Throws if `keys` is empty. */
  constructor(keys: readonly SealingKey[]) {
    this.#current = this.#take(keys);
  }

  get currentId(): string {
    return this.#current.id;
  }

  keys(): SealingKey[] {
    return [...this.#keys.values()];
  }

  has(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  /** Replaces the keys. */
  replace(keys: readonly SealingKey[]): void {
    this.#current = this.#take(keys);
  }

  /** `nonce`: fresh random bytes, never reused. */
  seal(thing: SealedThing, value: string, nonce: Uint8Array): Sealed {
    if (nonce.byteLength !== NONCE_BYTES) throw new Error(`a nonce has ${NONCE_BYTES} bytes`);
    const cipher = createCipheriv(CIPHER, this.#current.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundTo(thing));
    const sealed = Buffer.concat([nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return { sealed: sealed.toString('base64'), keyId: this.#current.id };
  }

  /** Throws if the key is missing, or the value was not sealed for this row. */
  open({ sealed, keyId, ...thing }: SealedThing & Sealed): string {
    const key = this.#keys.get(keyId);
    if (key === undefined) throw new Error(`the sealing key ${keyId} is missing; restore its file from a backup`);
    const bytes = Buffer.from(sealed, 'base64');
    if (bytes.byteLength < NONCE_BYTES + TAG_BYTES) throw new Error('a sealed value is too short');
    const decipher = createDecipheriv(CIPHER, key.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(boundTo(thing));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  }

  #take(keys: readonly SealingKey[]): SealingKey {
    const newest = keys.reduce<SealingKey | undefined>((best, key) => (best === undefined || key.id > best.id ? key : best), undefined);
    if (newest === undefined) throw new Error('there is no sealing key');
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    return newest;
  }
}

const boundTo = ({ id, spaceId, keyName }: SealedThing) => Buffer.from(`raworc secret\n${spaceId}\n${id}\n${keyName}`, 'utf8');
