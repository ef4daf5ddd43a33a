/**
 * The two notations of one API key: `rwk_` with base64url, and `e2b_` with lower-case hex, which
 * the SDKs of E2B demand. Both name the same 32 random bytes, so each is taken wherever the other is.
 */
export const KEY_BYTES = 32;
const RAWORC = /^rwk_[A-Za-z0-9_-]{43}$/;
const E2B = /^e2b_[0-9a-f]{64}$/;

export const keyOf = (bytes: Uint8Array): string => `rwk_${Buffer.from(bytes).toString('base64url')}`;

/** Returns a key in the notation of E2B. */
export const e2bForm = (key: string): string => `e2b_${Buffer.from(key.slice(4), 'base64url').toString('hex')}`;

/** Returns the key as it was made, whichever notation was sent; undefined if it is neither. */
export function canonicalKey(sent: string): string | undefined {
  if (RAWORC.test(sent)) return sent;
  return E2B.test(sent) ? keyOf(Buffer.from(sent.slice(4), 'hex')) : undefined;
}
