import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { User } from '../workers/user.ts';

const NAME = 'user';
const HOME = '/home/user';
const CHANGING_MS = 60_000;

export interface Accounts {
  readonly passwd: string;
  readonly group: string;
  /** The id that `user` had before; undefined if it was new or has its id. */
  readonly before: number | undefined;
}

/**
 * Returns the account files of a workstation in which `user` has this id. A session's id differs from
 * that of its image, and from that of the session whose copy it is.
 */
export function accountsWith(passwd: string, group: string, { uid, gid }: User): Accounts {
  const lines = (text: string) => text.split('\n').filter((line) => line !== '');
  const users = lines(passwd);
  const own = users.find((line) => line.startsWith(`${NAME}:`))?.split(':');
  const others = users.filter((line) => !line.startsWith(`${NAME}:`));
  const [, password = 'x', , , comment = '', home = HOME, shell = '/bin/sh'] = own ?? [];
  const account = [NAME, password, uid, gid, comment, home, shell].join(':');
  const groups = lines(group).filter((line) => !line.startsWith(`${NAME}:`));
  const members =
    lines(group)
      .find((line) => line.startsWith(`${NAME}:`))
      ?.split(':')[3] ?? '';
  const had = own?.[2];
  return {
    passwd: `${[...others, account].join('\n')}\n`,
    group: `${[...groups, [NAME, 'x', gid, members].join(':')].join('\n')}\n`,
    before: had === undefined || had === String(uid) ? undefined : Number(had),
  };
}

/** Gives `user` the session's id, with what it has in its home. */
export function prepareAccounts(user: User): void {
  const [passwd, group] = [read('/etc/passwd'), read('/etc/group')];
  const next = accountsWith(passwd, group, user);
  if (next.passwd === passwd && next.group === group) return;
  mkdirSync(HOME, { recursive: true });
  const owner = `${user.uid}:${user.gid}`;
  const from = next.before === undefined ? [] : [`--from=${next.before}`];
  execFileSync('/bin/chown', ['-hR', ...from, owner, HOME], { stdio: 'ignore', timeout: CHANGING_MS });
  // At last: an interrupted change is made again at the next start.
  replace('/etc/group', next.group);
  replace('/etc/passwd', next.passwd);
}

const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

function replace(path: string, content: string): void {
  writeFileSync(`${path}.raworc`, content, { mode: 0o644 });
  renameSync(`${path}.raworc`, path);
}
