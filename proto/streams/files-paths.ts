/**
 * Paths in the content of streams of kind `files`. Names on Linux are bytes, so paths travel in
 * base64 and are strings of Latin-1 in between: one character for each byte.
 */
import { StreamError } from './reasons.ts';

/** Longest path that Linux takes. */
export const MAX_PATH_BYTES = 4095;

/** A path, or the end of one: a character for each byte. */
export type Bytes = string;

export const bytesOf = (text: string): Bytes => Buffer.from(text).toString('latin1');
export const bufferOf = (bytes: Bytes): Buffer => Buffer.from(bytes, 'latin1');

const base64 = (bytes: Bytes): string => bufferOf(bytes).toString('base64');
const PATHS = new Set(['path', 'to', 'after', 'text', 'target']);

/** Paths as base64, everything else as it is. */
export const encodeJson = (value: unknown): string =>
  JSON.stringify(value, (key, inner: unknown) => (typeof inner === 'string' && PATHS.has(key) ? base64(inner) : inner));

export function decodeJson(text: string): unknown {
  try {
    return JSON.parse(text, (key, inner: unknown) =>
      typeof inner === 'string' && PATHS.has(key) ? Buffer.from(inner, 'base64').toString('latin1') : inner,
    );
  } catch {
    throw malformed();
  }
}

export const malformed = () => new StreamError('protocol', 'The session sent an invalid answer about its files.');

export type Fields = Readonly<Record<string, unknown>>;
export const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? { ...value } : {});
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
export const isOptional = <T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined =>
  value === undefined || is(value);
export const isString = (value: unknown): value is string => typeof value === 'string';
export const isMode = (value: unknown): value is number => isCount(value) && value <= 0o7777;
export const isPath = (value: unknown): value is Bytes => isString(value) && value.length <= MAX_PATH_BYTES && !value.includes('\0');
export const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
