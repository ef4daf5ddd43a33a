import { posix } from 'node:path';
import { ConnectError } from '../connect/codes.ts';

export const USERS = ['user', 'root'] as const;
export type SandboxUser = (typeof USERS)[number];

export const homeOf = (user: SandboxUser): string => (user === 'root' ? '/root' : '/home/user');

/**
 * Returns the absolute path that a path of a client means: empty is the home, and others are below
 * it. Throws a {@link ConnectError} for one that no file can have.
 */
export function absolutePath(path: string, user: SandboxUser): string {
  if (path.includes('\0')) throw new ConnectError('invalid_argument', 'A path has no NUL.');
  const home = homeOf(user);
  if (path === '' || path === '~') return home;
  if (path.startsWith('~/')) return posix.resolve(home, path.slice(2));
  return posix.resolve(home, path);
}

/** Throws a {@link ConnectError} for a user that sandboxes do not have. */
export function sandboxUser(name: string): SandboxUser {
  const user = USERS.find((one) => one === name);
  if (user === undefined) throw new ConnectError('unauthenticated', `The user ${name.slice(0, 64)} does not exist. Use user or root.`);
  return user;
}
