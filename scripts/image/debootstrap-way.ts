import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import type { Apt } from '../machine/apt.ts';
import { isAlive } from '../machine/process.ts';
import { ensurePrograms } from '../machine/programs.ts';
import { killGroup, run, tail } from '../machine/run.ts';
import { placeIn } from '../places.ts';
import { Trouble } from '../trouble.ts';
import { type AptSource, machineSources, mirrorOf } from './apt-sources.ts';
import { finishScript, sessionPackages, settings } from './recipe.ts';
import type { TrustedCertificates } from './trust.ts';

export interface DebootstrapWay {
  readonly docker: Docker;
  readonly dataDir: string;
  readonly apt: Apt;
  readonly tag: string;
  readonly trust: TrustedCertificates;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Makes the session image from packages of the mirror that this machine's own apt uses. The new system grows below the data
 * directory; it is removed whatever happens, and its mounts are in a namespace that ends with debootstrap.
 */
export async function buildByDebootstrap(way: DebootstrapWay): Promise<void> {
  const { suite, source } = mirror();
  await ensurePrograms(way.apt, { debootstrap: 'debootstrap' }, way.progress);
  const place = placeIn(way.dataDir, 'tmp');
  const logFile = join(placeIn(way.dataDir, 'logs'), 'session-image.log');
  await sweep(place, logFile);
  const root = mkdtempSync(join(place, `session-image-${process.pid}-`));
  try {
    const steps = [
      '--variant=minbase',
      `--include=${sessionPackages.join(',')}`,
      `--components=${components(source).join(',')}`,
      ...keyring(source),
    ];
    await inside(way, logFile, ['debootstrap', ...steps, suite, root, source.uri], 'debootstrap');
    writeSetup(root, way.trust, suite);
    await inside(way, logFile, ['chroot', root, '/bin/sh', '/raworc-setup/finish.sh'], 'finishing the image');
    way.progress('docker import');
    await importTree(way, root);
  } finally {
    await removeTree(root, logFile);
  }
}

function mirror(): { suite: string; source: AptSource } {
  const suite = /^VERSION_CODENAME="?([^"\n]+)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const source = suite === undefined ? undefined : mirrorOf(suite, machineSources());
  if (suite !== undefined && source !== undefined) return { suite, source };
  throw new Trouble(
    'no image registry answered, and apt’s sources name no Debian or Ubuntu mirror to make the session image from',
    'set RAWORC_BASE_IMAGE to an image of Debian or Ubuntu that this machine can pull',
  );
}

/** Ubuntu keeps python3-venv in universe. */
function components(source: AptSource): readonly string[] {
  return ['main', ...(source.components.includes('universe') ? ['universe'] : [])];
}

function keyring(source: AptSource): readonly string[] {
  if (source.trusted) return ['--no-check-gpg'];
  return source.signedBy === undefined ? [] : [`--keyring=${source.signedBy}`];
}

async function inside(way: DebootstrapWay, logFile: string, command: readonly string[], what: string): Promise<void> {
  // A tree that a crash spoils is made anew, so dpkg need not wait for the disk.
  const code = await run('unshare', ['--mount', ...command], {
    logFile,
    env: { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', DPKG_FORCE: 'unsafe-io', ...(await proxyOfApt()) },
    onLine: (line) => way.progress(line.replace(/^[IWE]: /, '')),
    signal: way.signal,
  });
  way.signal.throwIfAborted();
  if (code === 0) return;
  throw new Trouble(`${what} failed (exit ${code}):\n${tail(logFile, 6)}`, `check the network and ${logFile}, then run this again`);
}

/** The proxy that apt is set to use, for debootstrap's downloads. */
async function proxyOfApt(): Promise<Record<string, string>> {
  if (process.env.http_proxy) return {};
  const found: Record<string, string> = {};
  await run('apt-config', ['dump', '--format', '%f=%v%n', 'Acquire::http::Proxy', 'Acquire::https::Proxy'], {
    logFile: '/dev/null',
    onLine: (line) => {
      const [, scheme, value] = /^Acquire::(https?)::Proxy=(.+)$/i.exec(line) ?? [];
      if (scheme && value && value !== 'DIRECT') found[`${scheme.toLowerCase()}_proxy`] = value;
    },
  });
  return found;
}

function writeSetup(root: string, trust: TrustedCertificates, suite: string): void {
  const setup = join(root, 'raworc-setup');
  mkdirSync(setup);
  writeFileSync(join(setup, 'finish.sh'), finishScript);
  if (trust.certificates.length > 0) mkdirSync(join(setup, 'trust'));
  for (const [index, certificate] of trust.certificates.entries()) writeFileSync(join(setup, 'trust', `raworc-${index}.crt`), certificate);
  const ofRelease = machineSources().filter((source) => source.suite === suite || source.suite.startsWith(`${suite}-`));
  const lines = ofRelease.map((source) => `deb ${source.uri} ${source.suite} ${source.components.join(' ')}\n`);
  writeFileSync(join(root, 'etc/apt/sources.list'), lines.join(''));
}

async function importTree(way: DebootstrapWay, root: string): Promise<void> {
  const child = spawn('tar', ['-C', root, '--numeric-owner', '-c', '.'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const abort = () => killGroup(child, 'SIGKILL');
  way.signal.addEventListener('abort', abort);
  try {
    const ended = new Promise<number>((resolve, reject) => child.on('error', reject).on('close', (code) => resolve(code ?? 1)));
    const [repo, tag] = way.tag.split(':');
    const answer = await way.docker.importImage(child.stdout, { repo, tag, changes: settings, abortSignal: way.signal });
    let said = '';
    await Promise.all([
      ended.then((code) => {
        if (code !== 0) throw new Error(`tar ended with ${code}`);
      }),
      pipeline(answer, async (chunks) => {
        for await (const chunk of chunks) said += String(chunk);
      }),
    ]);
    if (/"errorDetail"/.test(said)) throw new Error(`docker import: ${said.trim()}`);
  } finally {
    way.signal.removeEventListener('abort', abort);
    abort();
  }
}

/** What a run that was killed left behind. */
async function sweep(place: string, logFile: string): Promise<void> {
  for (const name of readdirSync(place)) {
    const pid = Number(/^session-image-(\d+)-/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) await removeTree(join(place, name), logFile);
  }
}

/** Never crosses into another file system, should a mount be left. */
async function removeTree(root: string, logFile: string): Promise<void> {
  await run('rm', ['-rf', '--one-file-system', root], { logFile });
}
