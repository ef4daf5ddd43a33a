import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { docker } from '../host/busybox.ts';
import { baseImageTag } from './base-image.ts';

const run = promisify(execFile);
/** Debian's packages are installed first. */
const LIMIT_S = 120;

export interface SshServer {
  readonly port: string;
  /** `ssh-ed25519 …`, of the server. */
  readonly hostKey: string;
  /** Opens the account `git`. */
  readonly privateKey: string;
}

/** Makes a key without a passphrase in a directory. Returns its halves: the private one, and `ssh-ed25519 …`. */
export async function sshKey(directory: string, name: string): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const file = join(directory, name);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  const publicKey = (await readFile(`${file}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ').trim();
  return { privateKey: await readFile(file, 'utf8'), publicKey };
}

/**
 * Starts a container with a real SSH server, whose one account serves the repositories below `root`
 * as /srv/… to one key, which is made in `directory`. `t` removes it.
 */
export async function sshServer(
  t: { teardown(run: () => Promise<unknown>): unknown },
  { root, directory }: { readonly root: string; readonly directory: string },
): Promise<SshServer> {
  const { privateKey, publicKey } = await sshKey(directory, 'key');
  const script = `set -e
apt-get update -qq >&2; apt-get install -y -qq --no-install-recommends openssh-server git >&2
useradd -m -s /usr/bin/git-shell git; usermod -p '*' git
mkdir -p ~git/.ssh /run/sshd; echo '${publicKey}' > ~git/.ssh/authorized_keys; chown -R git ~git/.ssh; chmod 700 ~git/.ssh
git config --system --add safe.directory '*'
exec /usr/sbin/sshd -D -e`;
  const image = await baseImageTag();
  const id = await docker('run', '-d', '-p', '0:22', '-v', `${root}:/srv:ro`, '--entrypoint', '/bin/sh', image, '-c', script);
  t.teardown(() => docker('rm', '-f', id));
  const port = (await docker('port', id, '22/tcp')).split('\n')[0]?.split(':').at(-1) ?? '';
  for (let waited = 0; ; waited += 1) {
    const { stdout } = await run('ssh-keyscan', ['-t', 'ed25519', '-p', port, '127.0.0.1']).catch(() => ({ stdout: '' }));
    const hostKey = /ssh-ed25519 \S+/.exec(stdout)?.[0];
    if (hostKey !== undefined) return { port, hostKey, privateKey };
    if (waited > LIMIT_S) throw new Error(`no SSH server: ${await docker('logs', '--tail', '20', id)}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
