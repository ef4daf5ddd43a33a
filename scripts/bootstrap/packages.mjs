import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { complain, step } from '../terminal.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.raworc-stamp');

/**
 * Installs the packages of package-lock.json unless they are there already, and answers the path of the project's Node.js.
 * The stamp is written last, so that an install that was cut off is done again. Undefined when it failed, having said why.
 */
export async function ensurePackages() {
  const binary = join(modules, `node-linux-${process.arch}`, 'bin', 'node');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(process.arch)
    .digest('hex');
  if (read(stamp) === wanted && existsSync(binary)) {
    linkPrograms(binary);
    return binary;
  }
  rmSync(stamp, { force: true });
  try {
    await step('Install the packages and Node.js 24 (npm ci)', () => install());
  } catch (failure) {
    complain(failure.what ?? failure.message, failure.remedy ?? 'see above');
    return undefined;
  }
  if (!existsSync(binary)) {
    complain(
      'npm left out the project’s own Node.js',
      `npm i -g npm@latest, and check that "npm config get omit" is empty; then run this again`,
    );
    return undefined;
  }
  linkPrograms(binary);
  writeFileSync(stamp, wanted);
  return binary;
}

/**
 * `node`, whose link npm 10 drops when it leaves out the package of the other architecture, and the project's own, so that
 * `npx raworc` and `npx raworc-controller` find them.
 */
function linkPrograms(binary) {
  for (const [name, target] of [
    ['node', binary],
    ['raworc', join(root, 'cli', 'raworc.mjs')],
    ['raworc-controller', join(root, 'controller', 'raworc-controller.mjs')],
  ]) {
    const link = join(modules, '.bin', name);
    if (existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link);
    symlinkSync(relative(dirname(link), target), link);
  }
}

function install() {
  return new Promise((resolve, reject) => {
    // Dev and optional ones whatever NODE_ENV says: Node.js itself is an optional package.
    const child = spawn('npm', ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-8000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    // npm may live on after a ctrl-C, and would meet the next install: it is waited for.
    let isStopped = false;
    const stop = () => {
      isStopped = true;
      child.kill('SIGTERM');
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, stop);
    child.on('error', (error) => reject({ what: `npm could not be started (${error.message})`, remedy: 'apt-get install npm' }));
    child.on('close', (code) => {
      for (const signal of signals) process.off(signal, stop);
      if (isStopped)
        reject({ what: 'stopped while the packages were being installed', remedy: 'run it again when you like: it begins with them' });
      else if (code === 0) resolve();
      else reject(explain(output));
    });
  });
}

function explain(output) {
  const last = output
    .split('\n')
    .filter((line) => /npm (err|error)/i.test(line))
    .slice(0, 6)
    .join('\n');
  if (/ENOSPC/.test(output)) return { what: 'The disk is full', remedy: 'free 2 GiB and run this again' };
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/.test(output)) {
    return {
      what: 'The npm registry cannot be reached',
      remedy: 'check the network, or npm’s proxy and registry settings (npm config list)',
    };
  }
  if (/CERT|certificate/i.test(output)) {
    return {
      what: 'The npm registry’s certificate is not trusted',
      remedy: 'behind an inspecting proxy set NODE_EXTRA_CA_CERTS to its CA bundle',
    };
  }
  return { what: `npm ci failed:\n${last || output.trim()}`, remedy: 'see the lines above' };
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
