/** Reads fields of ProtoJSON: names in lowerCamelCase or snake_case, absent ones are zero values. */
import { ConnectError } from './codes.ts';

export type Message = Readonly<Record<string, unknown>>;

export const message = (value: unknown): Message => (typeof value === 'object' && value !== null ? { ...value } : {});

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Returns a field; undefined if it is absent or null. */
export function field(from: Message, name: string): unknown {
  const value = from[name] ?? from[snake(name)];
  return value === null ? undefined : value;
}

const wrong = (name: string, what: string) => new ConnectError('invalid_argument', `${name} must be ${what}.`);

export function text(from: Message, name: string): string {
  const value = field(from, name);
  if (value === undefined) return '';
  if (typeof value !== 'string' || value.includes('\0')) throw wrong(name, 'a string without NUL');
  return value;
}

export function texts(from: Message, name: string): readonly string[] {
  const value = field(from, name) ?? [];
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string' && !one.includes('\0')))
    throw wrong(name, 'a list of strings without NUL');
  return value;
}

export function textMap(from: Message, name: string): Readonly<Record<string, string>> {
  const value = field(from, name) ?? {};
  const isRight = (pair: readonly [string, unknown]) => typeof pair[1] === 'string' && !`${pair[0]}${pair[1]}`.includes('\0');
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.entries(value).every(isRight))
    throw wrong(name, 'an object of strings without NUL');
  return value as Readonly<Record<string, string>>;
}

/** A flag; undefined if it is absent. */
export function flag(from: Message, name: string): boolean | undefined {
  const value = field(from, name);
  if (value !== undefined && typeof value !== 'boolean') throw wrong(name, 'true or false');
  return value;
}

/** An integer, as a number or as a string. */
export function integer(from: Message, name: string): number {
  const value = field(from, name) ?? 0;
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) throw wrong(name, 'a non-negative integer');
  return number;
}

/** Bytes as base64; undefined if the field is absent. */
export function bytes(from: Message, name: string): Buffer | undefined {
  const value = field(from, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw wrong(name, 'base64');
  return Buffer.from(value, 'base64');
}
