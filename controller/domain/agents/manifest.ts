import { accepted, type Outcome, refused } from '../engine/outcome.ts';
import type { AgentProgram } from './rows.ts';

/** How an agent is run and what it says of itself. */
export interface Manifest extends AgentProgram {
  readonly description: string | null;
  readonly purpose: string | null;
  readonly capabilities: readonly string[];
}

/** An agent's files as far as the manifest needs them. */
export interface SourceListing {
  /** Paths of all files and links, relative to the root. */
  readonly paths: ReadonlySet<string>;
  /** Content of the files named in READ_FILES; undefined where there is none, or more than the bound. */
  text(path: string): string | undefined;
}

/** Of what `text` is asked. */
export const READ_FILES: readonly string[] = [
  'raworc.json',
  'package.json',
  'requirements.txt',
  'main.py',
  'index.js',
  'index.mjs',
  'index.cjs',
];
/** Each of them is read up to so many bytes. */
export const MAX_READ_BYTES = 256 * 1024;

const NODE_INDEXES = ['index.js', 'index.mjs', 'index.cjs'] as const;
const NODE_ENDINGS = ['', '.js', '.mjs', '.cjs', '/index.js', '/index.mjs', '/index.cjs'] as const;
const PYTHON_ENDINGS = ['.py', '/__init__.py'] as const;

/** From raworc.json, or worked out from the files. Refusals are 422 and say what to change. */
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
};

function written(source: SourceListing): Outcome<Manifest> {
  const text = source.text('raworc.json');
  if (text === undefined) return no(`raworc.json must be a file of at most ${MAX_READ_BYTES / 1024} KiB`);
  const fields = objectIn(text);
  if (fields === undefined) return no('raworc.json must hold a JSON object');
  const { handler, description, purpose, capabilities, idempotent, build_command: buildCommand } = fields;
  const runtime = typeof fields.runtime === 'string' ? RUNTIMES[fields.runtime.toLowerCase()] : undefined;
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
  judge('build_command', isText(buildCommand), 'must be a string of at most 4096 characters');
  if (problems.length > 0 || runtime === undefined || typeof handler !== 'string') {
    return refused(
      'UNPROCESSABLE_ENTITY',
      `raworc.json: ${problems.map(({ path, problem }) => `${path} ${problem}`).join('; ')}`,
      problems,
    );
  }
  if (typeof buildCommand === 'string' && buildCommand.trim() !== '') return no(`raworc.json has a build_command: ${NO_BUILDS}`);
  if (runtime === 'native') return no(NO_NATIVE);
  const missing = missingHandler(source, runtime, handler);
  if (missing !== undefined) return no(missing);
  return accepted({
    runtime,
    handler,
    idempotent: idempotent === true,
    description: typeof description === 'string' ? description : null,
    purpose: typeof purpose === 'string' ? purpose : null,
    capabilities: isTexts(capabilities) && Array.isArray(capabilities) ? capabilities.filter((one) => typeof one === 'string') : [],
  });
}

function workedOut(source: SourceListing): Outcome<Manifest> {
  if (source.paths.has('Cargo.toml')) return no(`There is a Cargo.toml: ${NO_BUILDS}`);
  const python = source.paths.has('main.py');
  const node = nodeHandler(source);
  if (python && node !== undefined)
    return no('There are a main.py and an index of Node.js: say in a raworc.json which runtime and handler are meant');
  if (python) {
    if (!/\bprocess_message\b/.test(source.text('main.py') ?? ''))
      return no('main.py has no process_message(message, context); define it, or name another handler in a raworc.json');
    return accepted(plain('python', 'main.process_message'));
  }
  if (node !== undefined) return accepted(plain('node', node));
  return no(
    'Found no agent: looked for raworc.json, main.py with process_message, index.js, index.mjs, index.cjs and the main of package.json at the top of the archive',
  );
}

function nodeHandler(source: SourceListing): string | undefined {
  const index = NODE_INDEXES.find((name) => source.paths.has(name));
  const file = packageMain(source) ?? index;
  if (file === undefined) return undefined;
  const text = source.text(file);
  const snake = text !== undefined && !/\bprocessMessage\b/.test(text) && /\bprocess_message\b/.test(text);
  return `${file.replace(/\.[cm]?js$/, '')}.${snake ? 'process_message' : 'processMessage'}`;
}

function packageMain(source: SourceListing): string | undefined {
  const main = objectIn(source.text('package.json') ?? '')?.main;
  if (typeof main !== 'string') return undefined;
  const path = main.replace(/^\.\//, '');
  return NODE_ENDINGS.map((ending) => path + ending).find((one) => source.paths.has(one));
}

const plain = (runtime: 'python' | 'node', handler: string): Manifest => ({
  runtime,
  handler,
  idempotent: false,
  description: null,
  purpose: null,
  capabilities: [],
});

/** A handler is the module's path and, after the last dot, the function. */
function missingHandler(source: SourceListing, runtime: 'python' | 'node', handler: string): string | undefined {
  const shape =
    runtime === 'python'
      ? /^(\p{ID_Start}|_)[\p{ID_Continue}.]*\.[\p{ID_Start}_]\p{ID_Continue}*$/u
      : /^[^\s/][^\s]*\.[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;
  const example = runtime === 'python' ? 'main.process_message' : 'index.processMessage';
  if (handler.length > 255 || !shape.test(handler) || handler.split('/').includes('..'))
    return `The handler must be a module and a function, such as "${example}"`;
  const module = handler.slice(0, handler.lastIndexOf('.'));
  const stem = runtime === 'python' ? module.replaceAll('.', '/') : module.replace(/^\.\//, '');
  const candidates = (runtime === 'python' ? PYTHON_ENDINGS : NODE_ENDINGS).map((ending) => stem + ending);
  if (candidates.some((path) => source.paths.has(path))) return undefined;
  return `The handler ${JSON.stringify(handler)} names no file of the archive: looked for ${candidates
    .slice(0, 4)
    .filter((path) => path !== stem)
    .join(', ')}`;
}

const NO_BUILDS = 'builds with dependencies are not supported yet. Put what the agent needs into its directory and upload that';
const NO_NATIVE = 'Agents of runtime native are not supported yet: python and node are';

/** Dependencies that would have to be installed. Those of Node.js may come along in node_modules. */
function unmetNeed(source: SourceListing, runtime: AgentProgram['runtime']): string | undefined {
  if (source.paths.has('Cargo.toml')) return `There is a Cargo.toml: ${NO_BUILDS}`;
  if (runtime === 'python') {
    const wanted = (source.text('requirements.txt') ?? '').split('\n').map((line) => line.replace(/#.*/, '').trim());
    const hidden = source.paths.has('requirements.txt') && source.text('requirements.txt') === undefined;
    if (hidden || wanted.some((line) => line !== ''))
      return `requirements.txt lists packages: ${NO_BUILDS}, with an empty requirements.txt or none`;
    return undefined;
  }
  const dependencies = objectIn(source.text('package.json') ?? '')?.dependencies;
  if (typeof dependencies !== 'object' || dependencies === null) return undefined;
  const missing = Object.keys(dependencies).filter((name) => !source.paths.has(`node_modules/${name}/package.json`));
  if (missing.length === 0) return undefined;
  return `package.json depends on ${missing.slice(0, 10).join(', ')}, not found in node_modules: ${NO_BUILDS}`;
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

const isAbsent = (value: unknown) => value === undefined || value === null;
const isText = (value: unknown) => isAbsent(value) || (typeof value === 'string' && value.length <= 4096);
const isTexts = (value: unknown) =>
  isAbsent(value) || (Array.isArray(value) && value.length <= 100 && value.every((one) => typeof one === 'string' && one.length <= 255));

const no = (message: string) => refused('UNPROCESSABLE_ENTITY', message);
