import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { finished } from 'node:stream/promises';
import type Docker from 'dockerode';
import type { Apt } from '../machine/apt.ts';
import { run } from '../machine/launch.ts';
import { isAlive } from '../machine/process.ts';
import { placeIn } from '../places.ts';
import { Trouble } from '../program.ts';
import { sessionPackages, settings, setupFiles } from './recipe.ts';

export interface BootstrapOptions {
  readonly docker: Docker;
  readonly dataDir: string;
  readonly apt: Apt;
  readonly tag: string;
  readonly certificates: readonly string[];
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Makes the session image with mmdebstrap, from the mirror, proxy and keys that this machine's apt
 * uses.
 */
export async function bootstrapImage({ docker, dataDir, apt, tag, certificates, progress, signal }: BootstrapOptions): Promise<void> {
  const suite = /^VERSION_CODENAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  const sources = machineSources(suite);
  if (sources.size === 0) {
    throw new Trouble(
      'no image registry answered, and apt’s sources name no Debian or Ubuntu mirror to build the session image from',
      'set RAWORC_BASE_IMAGE to an image of Debian or Ubuntu that this machine can pull',
    );
  }
  await apt.ensure({ mmdebstrap: 'mmdebstrap' }, progress);
  const place = placeIn(dataDir, 'tmp');
  sweep(place);
  const work = mkdtempSync(join(place, `session-image-${process.pid}-`));
  try {
    for (const [name, content] of setupFiles(certificates)) writeFileSync(join(placeIn(work, dirname(name)), basename(name)), content);
    const mirrors = [...sources].map(([name, text]) => {
      writeFileSync(join(work, name), text);
      return join(work, name);
    });
    const archive = join(work, 'image.tar');
    const finish = `cp -r '${work}/raworc-setup' "$1" && chroot "$1" sh /raworc-setup/finish.sh`;
    const options = ['--mode=root', '--variant=minbase', `--include=${sessionPackages.join(',')}`, `--customize-hook=${finish}`];
    // In its own mount namespace, so that its mounts disappear with it.
    await run('unshare', ['--mount', 'mmdebstrap', ...options, suite, archive, ...mirrors], {
      // A crash loses only work that is repeated, so dpkg need not sync to disk.
      env: { ...process.env, TMPDIR: work, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', DPKG_FORCE: 'unsafe-io' },
      logFile: join(placeIn(dataDir, 'logs'), 'session-image.log'),
      task: 'building the session image with mmdebstrap',
      remedy: 'check the network and run this again',
      onLine: (line) => progress(line.replace(/^[IWE]: /, '')),
      stop: signal,
    });
    progress('docker import');
    const [repo, version] = tag.split(':');
    const answer = await docker.importImage(archive, { repo, tag: version, changes: settings, abortSignal: signal });
    let text = '';
    answer.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await finished(answer);
    if (text.includes('"errorDetail"')) throw new Error(`docker import: ${text.trim()}`);
  } finally {
    removeTree(work);
  }
}

/**
 * Returns the parts of this machine's apt sources that hold the release and its updates, by file
 * name.
 */
export function machineSources(suite: string, directory = '/etc/apt'): ReadonlyMap<string, string> {
  const parts = join(directory, 'sources.list.d');
  const files = [
    join(directory, 'sources.list'),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .sort()
          .map((name) => join(parts, name))
      : []),
  ];
  const isRelease = new RegExp(
    `(^|\\s)${suite}(-updates|-security)?/?\\s[^#]*\\b(main|universe)\\b|^Suites:.*\\s${suite}(\\s|-updates|-security|$)`,
    'm',
  );
  const found = new Map<string, string>();
  for (const [extension, separator, isEntry] of [
    ['.list', '\n', /^\s*deb\s(?!.*\bcdrom:)/],
    ['.sources', /\n\s*\n/, /^Components:.*\b(main|universe)\b/m],
  ] as const) {
    const texts = files.filter((file) => file.endsWith(extension) && existsSync(file)).map((file) => readFileSync(file, 'utf8'));
    const entries = texts.flatMap((text) => text.split(separator)).filter((entry) => isEntry.test(entry) && isRelease.test(entry));
    if (suite !== '' && entries.length > 0) found.set(`mirror${extension}`, `${entries.join(extension === '.list' ? '\n' : '\n\n')}\n`);
  }
  return found;
}

const removeTree = (path: string) => execFileSync('rm', ['-rf', '--one-file-system', path]);

/** Removes what a run that was killed left behind. */
function sweep(place: string): void {
  for (const name of readdirSync(place)) {
    const pid = Number(/^session-image-(\d+)-/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) removeTree(join(place, name));
  }
}
