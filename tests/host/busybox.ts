import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import tar from 'tar-stream';

const run = promisify(execFile);
const BUSYBOX = '/bin/busybox';

/** Runs docker and returns what it prints. */
export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args)).stdout.trim();
}

/** An image of 2 MB with nothing but a static busybox in it, made here: no registry is asked. `engine`: flags that say in which. */
export async function makeBusyboxImage(
  tag: string,
  labels: Readonly<Record<string, string>>,
  engine: readonly string[] = [],
): Promise<void> {
  await access(BUSYBOX).catch(() => run('apt-get', ['install', '-y', 'busybox-static']));
  const pack = tar.pack();
  pack.entry({ name: 'bin/busybox', mode: 0o755 }, await readFile(BUSYBOX));
  for (const name of ['sh', 'sleep', 'cat', 'ls', 'nc', 'id', 'wget', 'nslookup', 'timeout', 'stat', 'find', 'kill'])
    pack.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  pack.entry({ name: 'session', type: 'directory', mode: 0o755 });
  pack.finalize();
  const changes = Object.entries(labels).flatMap(([name, value]) => ['--change', `LABEL ${name}=${value}`]);
  const importing = run('docker', [...engine, 'import', ...changes, '-', tag]);
  if (importing.child.stdin === null) throw new Error('docker import takes no input');
  pack.pipe(importing.child.stdin);
  await importing;
}

/** Stands in for the guest's files: what is started as Node.js only waits. Tests play the guest from outside. */
export async function makeSleepingGuest(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'node'), '#!/bin/sh\ntrap "exit 0" TERM\nwhile :; do sleep 1000 & wait $!; done\n', { mode: 0o755 });
  await writeFile(join(directory, 'guest.mjs'), '');
  return directory;
}
