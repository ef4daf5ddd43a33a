import { accepted, type Outcome, refused } from '../engine/outcome.ts';
import { misspelledKeys } from './manifest-keys.ts';
import type { AgentProgram } from './rows.ts';

/** How to run an agent, and how it describes itself. */
export interface Manifest extends Omit<AgentProgram, 'capabilities'> {
  readonly description: string | null;
  readonly purpose: string | null;
  readonly capabilities: readonly string[];
}

/** The parts of an agent's source that the manifest needs. */
export interface SourceListing {
  /** Paths of all files and links, relative to the root. */
  readonly paths: ReadonlySet<string>;
  /** Returns the content of a file in READ_FILES; undefined if it is missing or too large. */
  text(path: string): string | undefined;
}

/** The files that `text` can return. */
export const READ_FILES: readonly string[] = [
  'raworc.json',
  'package.json',
  'Cargo.toml',
  'go.mod',
  'main.py',
  'index.js',
  'index.mjs',
  'index.cjs',
  'index.ts',
];
/** Largest size of each of these files. */
export const MAX_READ_BYTES = 256 * 1024;

const NODE_INDEXES = ['index.js', 'index.mjs', 'index.cjs', 'index.ts'] as const;
/** Node.js runs TypeScript by leaving out the types. */
const NODE_ENDINGS = ['', '.js', '.mjs', '.cjs', '.ts', '.mts', '/index.js', '/index.mjs', '/index.cjs'] as const;
const PYTHON_ENDINGS = ['.py', '/__init__.py'] as const;

/**
 * Reads the manifest from raworc.json or derives it from the files. Refuses with 422 and says what
 * to change.
 */
export function readManifest(source: SourceListing): Outcome<Manifest> {
  const manifest = source.paths.has('raworc.json') ? written(source) : workedOut(source);
  if (!manifest.ok) return manifest;
  const needs = unmetNeed(source, manifest.value.runtime);
  return needs === undefined ? manifest : no(needs);
}

const RUNTIMES: Readonly<Record<string, AgentProgram['runtime']>> = {
  python: 'python',
  python3: 'python',
  node: 'node',
  nodejs: 'node',
  native: 'native',
  rust: 'native',
  go: 'native',
};

function written(source: SourceListing): Outcome<Manifest> {
  const text = source.text('raworc.json');
  if (text === undefined) return no(`raworc.json must be a file of at most ${MAX_READ_BYTES / 1024} KiB`);
  const fields = objectIn(text);
  if (fields === undefined) return no(`raworc.json must contain a JSON object${syntaxErrorIn(text)}`);
  const { description, purpose, capabilities, idempotent, build_command: buildCommand } = fields;
  const { dockerfile, base_image: baseImage } = fields;
  const { timeout_s: timeoutS, memory_bytes: memoryBytes, concurrency } = fields;
  const guess = isAbsent(fields.runtime) || isAbsent(fields.handler) ? workedOut(source) : undefined;
  if (isAbsent(fields.runtime) && isAbsent(fields.handler) && guess?.ok === false) return guess;
  const guessed = guess?.ok ? guess.value : undefined;
  const runtime = isAbsent(fields.runtime)
    ? guessed?.runtime
    : typeof fields.runtime === 'string'
      ? RUNTIMES[fields.runtime.toLowerCase()]
      : undefined;
  const handler = isAbsent(fields.handler) && guessed?.runtime === runtime ? guessed?.handler : fields.handler;
  const problems: { path: string; problem: string }[] = [];
  const judge = (path: string, good: boolean, problem: string) => {
    if (!good) problems.push({ path, problem });
  };
  judge('runtime', runtime !== undefined, 'must be python, node or native');
  judge('handler', typeof handler === 'string' && handler !== '', 'must be a name such as "main.process_message"');
  judge('description', isText(description), 'must be a string of at most 4096 characters');
  judge('purpose', isText(purpose), 'must be a string of at most 4096 characters');
  judge('capabilities', isTexts(capabilities), 'must be a list of strings');
  judge('idempotent', isAbsent(idempotent) || typeof idempotent === 'boolean', 'must be true or false');
  judge('timeout_s', isAbsent(timeoutS) || isWhole(timeoutS, RUN_LIMITS.timeoutS), wholeBetween(RUN_LIMITS.timeoutS));
  judge('memory_bytes', isAbsent(memoryBytes) || isWhole(memoryBytes, RUN_LIMITS.memoryBytes), wholeBetween(RUN_LIMITS.memoryBytes));
  judge('concurrency', isAbsent(concurrency) || isWhole(concurrency, RUN_LIMITS.concurrency), wholeBetween(RUN_LIMITS.concurrency));
  judge('dockerfile', isAbsent(dockerfile) || typeof dockerfile === 'boolean', 'must be true or false');
  judge('base_image', isAbsent(baseImage) || isImageName(baseImage), 'must be the name of an image, such as debian:12-slim');
  judge('build_command', isText(buildCommand), 'must be a string of at most 4096 characters');
  for (const { key, meant } of misspelledKeys(fields)) judge(key, false, `is no key of raworc.json: did you mean ${meant}?`);
  if (problems.length > 0 || runtime === undefined || typeof handler !== 'string') {
    return refused(
      'UNPROCESSABLE_ENTITY',
      `raworc.json: ${problems.map(({ path, problem }) => `${path} ${problem}`).join('; ')}`,
      problems,
    );
  }
  const isMade = typeof buildCommand === 'string' && buildCommand.trim() !== '';
  // The build checks programs: it sees their modes.
  const missing = runtime === 'native' ? undefined : missingHandler(source, runtime, handler, isMade);
  if (missing !== undefined) return no(missing);
  return accepted({
    runtime,
    handler,
    idempotent: idempotent === true,
    ...(isWhole(timeoutS, RUN_LIMITS.timeoutS) ? { timeoutS } : {}),
    ...(isWhole(concurrency, RUN_LIMITS.concurrency) ? { concurrency } : {}),
    ...(isWhole(memoryBytes, RUN_LIMITS.memoryBytes) ? { memoryBytes } : {}),
    description: typeof description === 'string' ? description : null,
    purpose: typeof purpose === 'string' ? purpose : null,
    capabilities: isTexts(capabilities) && Array.isArray(capabilities) ? capabilities.filter((one) => typeof one === 'string') : [],
  });
}

function workedOut(source: SourceListing): Outcome<Manifest> {
  const python = source.paths.has('main.py');
  const node = nodeHandler(source);
  const compiled = compiledProgram(source);
  const found = [
    ...(python ? ['a main.py'] : []),
    ...(node === undefined ? [] : ['a Node.js index file']),
    ...(compiled === undefined ? [] : [`a ${compiled.file}`]),
  ];
  if (found.length > 1) return no(`There is both ${found.slice(0, 2).join(' and ')}. Set runtime and handler in raworc.json`);
  if (compiled !== undefined) {
    if (compiled.program === undefined)
      return no(`${compiled.file} names no program. Add a raworc.json with "runtime": "native" and the program's name as "handler"`);
    return accepted(plain('native', compiled.program));
  }
  if (python) {
    if (!/\bprocess_message\b/.test(source.text('main.py') ?? ''))
      return no('main.py has no process_message(message, context); define it, or name another handler in a raworc.json');
    return accepted(plain('python', 'main.process_message'));
  }
  if (node !== undefined) return accepted(plain('node', node));
  return no(
    'Found no agent at the top of the archive: it needs raworc.json, main.py with process_message, index.js, index.mjs, index.cjs, index.ts, a package.json with main, Cargo.toml or go.mod',
  );
}

function nodeHandler(source: SourceListing): string | undefined {
  const index = NODE_INDEXES.find((name) => source.paths.has(name));
  const file = packageMain(source) ?? index;
  if (file === undefined) return undefined;
  const text = source.text(file);
  const snake = text !== undefined && !/\bprocessMessage\b/.test(text) && /\bprocess_message\b/.test(text);
  return `${file.replace(/\.(?:[cm]?js|m?ts)$/, '')}.${snake ? 'process_message' : 'processMessage'}`;
}

/** Returns the program that cargo or go builds from the files at the root; which one, if that is clear. */
function compiledProgram(source: SourceListing): { readonly file: string; readonly program: string | undefined } | undefined {
  if (source.paths.has('Cargo.toml')) return { file: 'Cargo.toml', program: cargoProgram(source.text('Cargo.toml') ?? '') };
  if (!source.paths.has('go.mod')) return undefined;
  const module = /^module[ \t]+"?([^\s"]+)/m.exec(source.text('go.mod') ?? '')?.[1] ?? '';
  const [last = '', before = ''] = module.split('/').reverse();
  return { file: 'go.mod', program: PROGRAM.exec(/^v\d+$/.test(last) ? before : last)?.[0] };
}

/** A file's name. */
const PROGRAM = /^[\w.-]{1,100}$/;

/** Reads tables line by line: names of packages and programs need nothing else of TOML. */
function cargoProgram(toml: string): string | undefined {
  const fields = new Map<string, string>();
  let table = '';
  for (const line of toml.split('\n').slice(0, 10_000)) {
    const header = /^\s*(\[\[?)\s*([\w.-]+)\s*\]\]?/.exec(line);
    if (header !== null) table = header[1] === '[[' ? `${header[2]}[]` : (header[2] ?? '');
    const [, key = '', value = ''] = /^\s*([\w-]+)\s*=\s*["']([^"']*)["']/.exec(line) ?? [];
    // The first of several programs, unless default-run names one.
    if (key !== '' && !fields.has(`${table}.${key}`)) fields.set(`${table}.${key}`, value);
  }
  const name = fields.get('package.default-run') ?? fields.get('bin[].name') ?? fields.get('package.name');
  return PROGRAM.exec(name ?? '')?.[0];
}

function packageMain(source: SourceListing): string | undefined {
  const main = objectIn(source.text('package.json') ?? '')?.main;
  if (typeof main !== 'string') return undefined;
  const path = main.replace(/^\.\//, '');
  return NODE_ENDINGS.map((ending) => path + ending).find((one) => source.paths.has(one));
}

const plain = (runtime: AgentProgram['runtime'], handler: string): Manifest => ({
  runtime,
  handler,
  idempotent: false,
  description: null,
  purpose: null,
  capabilities: [],
});

/** A handler is the module's path and, after the last dot, the function. */
function missingHandler(source: SourceListing, runtime: 'python' | 'node', handler: string, isMade: boolean): string | undefined {
  const shape =
    runtime === 'python'
      ? /^(\p{ID_Start}|_)[\p{ID_Continue}.]*\.[\p{ID_Start}_]\p{ID_Continue}*$/u
      : /^[^\s/][^\s]*\.[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;
  const example = runtime === 'python' ? 'main.process_message' : 'index.processMessage';
  if (handler.length > 255 || !shape.test(handler) || handler.split('/').includes('..'))
    return `The handler must be a module and a function, such as "${example}"`;
  // A build command can make it: the build looks.
  if (isMade) return undefined;
  const module = handler.slice(0, handler.lastIndexOf('.'));
  const stem = runtime === 'python' ? module.replaceAll('.', '/') : module.replace(/^\.\//, '');
  const candidates = (runtime === 'python' ? PYTHON_ENDINGS : NODE_ENDINGS).map((ending) => stem + ending);
  if (candidates.some((path) => source.paths.has(path))) return undefined;
  return `The handler ${JSON.stringify(handler)} names no file of the archive: looked for ${candidates
    .slice(0, 4)
    .filter((path) => path !== stem)
    .join(', ')}`;
}

/**
 * Returns a refusal for a source that no build can complete. The node that builds installs
 * dependencies, except those of Node.js if the upload has a node_modules.
 */
function unmetNeed(source: SourceListing, runtime: AgentProgram['runtime']): string | undefined {
  if (runtime !== 'node' || ![...source.paths].some((path) => path.startsWith('node_modules/'))) return undefined;
  const dependencies = objectIn(source.text('package.json') ?? '')?.dependencies;
  if (typeof dependencies !== 'object' || dependencies === null) return undefined;
  const missing = Object.keys(dependencies).filter((name) => !source.paths.has(`node_modules/${name}/package.json`));
  if (missing.length === 0) return undefined;
  return `package.json depends on ${missing.slice(0, 10).join(', ')}, not found in node_modules. Upload the agent without node_modules to have its dependencies installed`;
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns where JSON is broken, on one line, as the end of a sentence. */
function syntaxErrorIn(text: string): string {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return `: ${(error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 200)}`;
  }
}

/** Smallest and largest values of the limits per run. */
const RUN_LIMITS = { timeoutS: [1, 3600], memoryBytes: [16 * 1024 * 1024, 2 ** 40], concurrency: [1, 16] } as const;
const isWhole = (value: unknown, [least, most]: readonly [number, number]): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most;
const wholeBetween = ([least, most]: readonly [number, number]) => `must be a whole number from ${least} to ${most}`;

const isImageName = (value: unknown) => typeof value === 'string' && /^[\w.:@/-]{1,255}$/.test(value);
const isAbsent = (value: unknown) => value === undefined || value === null;
const isText = (value: unknown) => isAbsent(value) || (typeof value === 'string' && value.length <= 4096);
const isTexts = (value: unknown) =>
  isAbsent(value) || (Array.isArray(value) && value.length <= 100 && value.every((one) => typeof one === 'string' && one.length <= 255));

const no = (message: string) => refused('UNPROCESSABLE_ENTITY', message);
