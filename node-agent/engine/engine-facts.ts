import type { Isolation } from '../domain/session.ts';

/** What tells an engine from others, and which images it can run. */
export interface EngineFacts {
  /** Of the engine's data: a wiped engine has another. */
  readonly id: string;
  /** "linux/amd64", as in an index of images. */
  readonly platform: string;
  /** What keeps sessions' processes from the host. */
  readonly isolation?: Isolation;
}

/** Names of the kernel that differ from those in images. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

/** Returns the platform of an engine by what it says about its host. */
export const platformOf = (system: string, machine: string): string => `${system}/${ARCHITECTURES[machine] ?? machine}`;
