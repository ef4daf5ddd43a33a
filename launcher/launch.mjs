/**
 * Starts a program of this package on the package's own Node.js 24, from any installed Node.js of
 * version 18 or newer. Plain JavaScript without dependencies: an older Node.js must never load the
 * database module, nor the sources.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const MINIMUM = 24;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Returns the package's own Node.js: npm installs it below this folder or a folder above. Otherwise
 * returns the installed one, if it is new enough.
 */
function findNode() {
  for (let folder = root; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return isNewEnough() ? process.execPath : undefined;
  }
}

const isNewEnough = () => Number(process.versions.node.split('.')[0]) >= MINIMUM;

/** Below node_modules Node.js does not strip types, so the package holds compiled files. */
const findProgram = (path) => [join(root, `${path}.ts`), join(root, 'dist', `${path}.js`)].find((file) => existsSync(file));

const version = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

function fail(message, code) {
  process.stderr.write(`${message}\n`);
  process.exitCode = code;
}

/** Replaces this process by the program, or starts it as a child where Node.js cannot do that. */
function run(name, node, args, more) {
  const env = { ...more, ...process.env };
  if (isNewEnough() && process.execve !== undefined) process.execve(node, [node, ...args], env);
  const cannot = (error) => fail(`${name}: cannot start ${node}: ${error.message}. If npm is installing it, retry when it has finished`, 1);
  let child;
  try {
    child = spawn(node, args, { stdio: 'inherit', env });
  } catch (error) {
    return cannot(error);
  }
  const passOn = (signal) => child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, passOn);
  child.on('error', cannot);
  child.on('exit', (code, signal) => {
    for (const one of SIGNALS) process.off(one, passOn);
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
}

/** Returns the program at `path` and the Node.js for it, or reports which of them is missing. */
function find(name, path) {
  const program = findProgram(path);
  const node = findNode();
  if (program === undefined) fail(`${name}: files of the package are missing. Reinstall it`, 1);
  else if (node === undefined)
    fail(`${name}: its own Node.js is missing. Reinstall the package without --omit=optional, or use Node.js ${MINIMUM}`, 1);
  else return { program, node };
  return undefined;
}

/** Runs a program that handles all arguments itself; in this process, if that can run it. */
export async function launch(name, path) {
  const found = find(name, path);
  if (found === undefined) return;
  if (isNewEnough()) await import(pathToFileURL(found.program).href);
  else run(name, found.node, [found.program, ...process.argv.slice(2)], {});
}

/**
 * Runs one of several commands. `commands` maps each to its program; `nodeOptions` and `env` are
 * for the program of a daemon, and variables that are set already win.
 */
export function launchCommand({ name, usage, commands, nodeOptions = [], env = {} }) {
  const [command, ...args] = process.argv.slice(2);
  if (command === '--help' || command === '-h' || command === 'help') return void process.stdout.write(usage);
  if (command === '--version' || command === '-V') return void process.stdout.write(`${version()}\n`);
  if (command === undefined || !Object.hasOwn(commands, command)) {
    const why = command === undefined ? 'a command is missing' : `there is no command "${command}"`;
    return fail(`${name}: ${why}. The commands are ${Object.keys(commands).join(', ')}\nSee ${name} --help`, 2);
  }
  if (args.includes('--help') || args.includes('-h')) return void process.stdout.write(usage);
  const found = find(name, commands[command]);
  if (found !== undefined) run(name, found.node, [...nodeOptions, found.program, ...args], env);
}
