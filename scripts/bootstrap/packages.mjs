import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root, runChild } from './run-child.mjs';

const modules = join(root, 'node_modules');
const stamp = join(modules, '.raworc-stamp');
const node = join(modules, `node-linux-${process.arch}`, 'bin', 'node');

/**
 * Installs the packages of package-lock.json unless that was done before. Returns what went wrong,
 * or undefined.
 */
export async function ensurePackages() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).update(process.arch).digest('hex');
  const isInstalled = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(node);
  if (!isInstalled) {
    rmSync(stamp, { force: true });
    const problem = await install();
    if (problem) return problem;
  }
  linkPrograms();
  // Written last, so that an interrupted installation is repeated.
  if (!isInstalled) writeFileSync(stamp, wanted);
  return undefined;
}

async function install() {
  const title = 'Install the packages and Node.js 24 (npm ci)';
  process.stdout.write(`… ${title}\n`);
  const startedAt = performance.now();
  // Development and optional packages regardless of NODE_ENV: Node.js itself is an optional one.
  // No package needs its install script.
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await runChild('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (code === 127) return { what: 'npm cannot be started', remedy: 'apt-get install npm' };
  if (code > 128) return { what: 'Interrupted while the packages were being installed', remedy: 'run this again' };
  if (code !== 0) {
    return {
      what: `npm ci failed with exit code ${code}`,
      remedy:
        'see its message above; npm config list shows the registry, proxy and cafile in use. Behind a proxy that inspects TLS, set NODE_EXTRA_CA_CERTS',
    };
  }
  if (!existsSync(node)) {
    return {
      what: 'npm left out the project’s own Node.js',
      remedy: 'run npm i -g npm@latest, check that "npm config get omit" is empty, and run this again',
    };
  }
  process.stdout.write(`✓ ${title}  ${Math.round((performance.now() - startedAt) / 1000)} s\n`);
  return undefined;
}

/**
 * Links the programs of this package for npx, and node, whose link npm 10 drops with the other
 * architecture's package.
 */
function linkPrograms() {
  const programs = {
    node,
    raworc: 'launcher/raworc.cjs',
    'raworc-controller': 'launcher/raworc-controller.cjs',
    'raworc-node-agent': 'launcher/raworc-node-agent.cjs',
  };
  for (const [name, target] of Object.entries(programs)) {
    const link = join(modules, '.bin', name);
    if (existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(relative(dirname(link), join(name === 'node' ? '' : root, target)), link);
  }
}
