import type { Places } from './environment.ts';
import type { User } from './user.ts';

/** Who a command in a workstation runs as. */
export interface WorkstationUser {
  readonly user: User | undefined;
  readonly home: string;
  readonly environment: Record<string, string>;
}

const ROOT: User = { uid: 0, gid: 0 };

/**
 * Returns `user`, whose id is that of the session's agents, or root. Its environment is that of a
 * login; nothing of the guest's is passed on.
 */
export function workstationUser(user: User | undefined, asRoot: boolean, { sessionId, sessionDirectory, path }: Places): WorkstationUser {
  const [name, home] = asRoot ? ['root', '/root'] : ['user', '/home/user'];
  return {
    user: user && asRoot ? ROOT : user,
    home,
    environment: {
      LANG: 'C.UTF-8',
      PATH: path,
      HOME: home,
      USER: name,
      LOGNAME: name,
      SHELL: '/bin/bash',
      RAWORC_SESSION_ID: sessionId,
      RAWORC_SPACE: '',
      RAWORC_SESSION_DIR: sessionDirectory,
      RAWORC_WORKSPACE_DIR: `${sessionDirectory}/workspace`,
    },
  };
}
