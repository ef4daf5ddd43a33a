import { dirname } from 'node:path';
import process from 'node:process';
import type { Apt } from './apt.ts';
import { findProgram } from './run.ts';

/** The path of nats-server; fetched, without installing it as a service, where the machine has none. */
export async function ensureNatsServer(apt: Apt, progress: (text: string) => void): Promise<string> {
  return findProgram('nats-server') ?? (await apt.unpack('nats-server', 'nats-server', progress));
}

/** The path of docker-registry, which tests use; fetched likewise. */
export async function ensureRegistry(apt: Apt, progress: (text: string) => void): Promise<string> {
  return findProgram('docker-registry') ?? (await apt.unpack('docker-registry', 'docker-registry', progress));
}

/** Installs what is missing of the given programs, named by their packages. */
export async function ensurePrograms(
  apt: Apt,
  packageOf: Readonly<Record<string, string>>,
  progress: (text: string) => void,
): Promise<readonly string[]> {
  const missing = new Set<string>();
  for (const [program, name] of Object.entries(packageOf)) if (findProgram(program) === undefined) missing.add(name);
  if (missing.size > 0) await apt.install([...missing], progress);
  return [...missing];
}

/** Lets this process and its children find what was fetched. */
export function addToPath(programs: readonly string[]): void {
  const places = [...new Set(programs.map((program) => dirname(program)))];
  process.env.PATH = [process.env.PATH, ...places].filter((place) => place).join(':');
}
