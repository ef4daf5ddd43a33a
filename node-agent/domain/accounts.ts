import { COMMON_UID } from './uid-range.ts';

const HOME = '/session/state';
const SHELL = '/bin/sh';

/**
 * Returns the image's `passwd` with an account for the session's agents, in place of the image's
 * own. Programs such as ssh refuse to run as a user without a name.
 */
export function passwdFor(ofImage: string, uid: number): string {
  const lines = ofImage.split('\n').filter((line) => line.trim() !== '');
  const isAgent = (line: string) => line.split(':')[2] === String(COMMON_UID);
  const own = lines.find(isAgent);
  const others = lines.filter((line) => !isAgent(line) && line.split(':')[2] !== String(uid));
  const [, , , , comment = '', home = HOME, shell = SHELL] = own?.split(':') ?? [];
  const names = new Set(others.map((line) => line.split(':')[0]));
  const wanted = own?.split(':')[0] ?? 'agent';
  const name = names.has(wanted) ? 'raworc-agent' : wanted;
  return `${[...others, [name, 'x', uid, uid, comment, home || HOME, shell || SHELL].join(':')].join('\n')}\n`;
}

/** Used for an image without this file. */
export const PLAIN_PASSWD = `root:x:0:0:root:/root:${SHELL}\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n`;
