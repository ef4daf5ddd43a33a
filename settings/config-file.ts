import { parse } from 'smol-toml';
import { didYouMean } from './closest.ts';

/**
 * Parses a configuration file: TOML without tables, with these keys. A list becomes a text with
 * commas, true and false become 1 and 0, as in environment variables. Throws an error that names
 * the line or the key.
 */
export function parseConfig(text: string, keys: readonly string[]): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const [key, value] of Object.entries(parse(text, { integersAsBigInt: 'asNeeded' }))) {
    if (!keys.includes(key)) throw new Error(`there is no setting ${key}.${didYouMean(key, keys)}`);
    settings.set(key, textOf(key, value));
  }
  return settings;
}

function textOf(key: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) {
    const parts = value.map((part) => (Array.isArray(part) ? undefined : textOf(key, part)));
    const wrong = parts.find((part) => part === undefined || part.includes(','));
    if (wrong === undefined && !parts.includes(undefined)) return parts.join(',');
  }
  throw new Error(`${key} must be a text, a number, true, false or a list of texts without commas`);
}
