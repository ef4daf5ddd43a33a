import { readFileSync } from 'node:fs';

/** Readers of one value each. They throw an error that names the invalid variable. */
export type Environment = Readonly<Record<string, string | undefined>>;

export function text(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

export function list(env: Environment, name: string): string[] | undefined {
  return text(env, name)
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Reads a switch: 1 or true, 0 or false. */
export function isOn(env: Environment, name: string): boolean {
  const value = text(env, name) ?? '0';
  if (value !== '1' && value !== 'true' && value !== '0' && value !== 'false') throw new Error(`${name} must be 1 or 0, not "${value}"`);
  return value === '1' || value === 'true';
}

export function port(env: Environment, name: string, otherwise: number): number {
  const value = text(env, name);
  if (value === undefined) return otherwise;
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new Error(`${name} must be a port from 0 to 65535, not "${value}"`);
  return Number(value);
}

export function seconds(env: Environment, name: string, otherwise: number): number {
  const value = text(env, name);
  if (value === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1) throw new Error(`${name} must be a number of seconds of at least 1, not "${value}"`);
  return Number(value);
}

export function bytes(env: Environment, name: string): number | undefined {
  const value = text(env, name);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw new Error(`${name} must be a number of bytes of at least 0, not "${value}"`);
  return Number(value);
}

/** A secret in the file that NAME_FILE names, or in NAME. */
export function secret(env: Environment, name: string): string | undefined {
  return secretFile(env, `${name}_FILE`) ?? text(env, name);
}

/** The secret in the file that the variable names. */
export function secretFile(env: Environment, name: string): string | undefined {
  const file = text(env, name);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`${name} (${file}): ${error instanceof Error ? error.message : String(error)}`);
  }
}
