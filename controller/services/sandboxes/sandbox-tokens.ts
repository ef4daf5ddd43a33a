import { createCipheriv, createDecipheriv, createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { SandboxRow } from '../../domain/sandboxes/rows.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export type SandboxTokens = ReturnType<typeof sandboxTokens>;

/** What a signed URL of a file is about. `expiresS` is in Unix seconds. */
export interface SignedFile {
  readonly path: string;
  readonly operation: 'read' | 'write';
  readonly user: string;
  readonly expiresS?: number | undefined;
}

/**
 * Access tokens and encrypted variables of sandboxes. A token follows from the sandbox and the API
 * key that it was given to, so none is stored, and it ends with that key.
 */
export function sandboxTokens(storeKey: Uint8Array) {
  const tokenKey = createHmac('sha256', storeKey).update('e2b access tokens').digest();
  const envKey = createHmac('sha256', storeKey).update('e2b variables').digest();

  const tokenFor = (id: string, keyId: string): string => createHmac('sha256', tokenKey).update(`${id}\n${keyId}`).digest('hex');

  return {
    tokenFor,
    /** Returns the id of the API key whose token this is. Compares with all of them, in constant time. */
    holderOf({ id, holders }: Pick<SandboxRow, 'id' | 'holders'>, token: string): string | undefined {
      const sent = Buffer.from(hash('sha256', token, 'hex'));
      let found: string | undefined;
      for (const keyId of holders) if (timingSafeEqual(sent, Buffer.from(hash('sha256', tokenFor(id, keyId), 'hex')))) found = keyId;
      return found;
    },
    /** Returns the id of the API key with whose token a URL was signed. */
    signerOf({ id, holders }: Pick<SandboxRow, 'id' | 'holders'>, signature: string, file: SignedFile): string | undefined {
      const sent = signatureBytes(signature);
      return sent === undefined ? undefined : holders.find((keyId) => isSigned(sent, file, tokenFor(id, keyId)));
    },
    /** Encrypts variables. `nonce`: fresh random bytes. */
    seal(envs: Readonly<Record<string, string>>, nonce: Uint8Array): string {
      if (Object.keys(envs).length === 0) return '';
      const cipher = createCipheriv(CIPHER, envKey, nonce, { authTagLength: TAG_BYTES });
      return Buffer.concat([nonce, cipher.update(JSON.stringify(envs), 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64');
    },
    unseal(sealed: string): Readonly<Record<string, string>> {
      if (sealed === '') return {};
      const bytes = Buffer.from(sealed, 'base64');
      const decipher = createDecipheriv(CIPHER, envKey, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
      return JSON.parse(text) as Record<string, string>;
    },
  };
}

export const NONCE = NONCE_BYTES;

const SIGNATURE = /^v1_([A-Za-z0-9+/]{43})$/;

const digestOf = ({ path, operation, user, expiresS }: SignedFile, token: string): Buffer =>
  hash('sha256', `${path}:${operation}:${user}:${token}${expiresS === undefined ? '' : `:${expiresS}`}`, 'buffer');

/** Returns the signature of a file's URL, as E2B's SDKs compute it. */
export const signatureOf = (file: SignedFile, token: string): string => `v1_${digestOf(file, token).toString('base64').replace(/=+$/, '')}`;

/** Returns the digest in a signature; undefined if it has another form. */
export function signatureBytes(signature: string): Buffer | undefined {
  const digest = SIGNATURE.exec(signature)?.[1];
  return digest === undefined ? undefined : Buffer.from(digest, 'base64');
}

/** Whether a digest is that of a file and this token. */
export const isSigned = (digest: Buffer, file: SignedFile, token: string): boolean => timingSafeEqual(digest, digestOf(file, token));
