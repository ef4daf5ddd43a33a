import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import tar from 'tar-stream';

const run = promisify(execFile);
const BUSYBOX = '/bin/busybox';

/** Runs docker and returns its output. */
export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args)).stdout.trim();
}

/**
 * Makes a 2 MB image with a static busybox, without a registry. `engine`: flags that select the
 * engine.
 */
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

/**
 * Replaces the guest's files by a program that only waits. The test plays the guest from outside.
 */
export async function makeSleepingGuest(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'node'), '#!/bin/sh\ntrap "exit 0" TERM\nwhile :; do sleep 1000 & wait $!; done\n', { mode: 0o755 });
  await writeFile(join(directory, 'guest.mjs'), '');
  return directory;
}
