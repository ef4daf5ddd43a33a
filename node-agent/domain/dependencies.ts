import { buildCommandIn, withCommand } from './installs/build-command.ts';
import { programOf } from './installs/native-program.ts';
import { choosePackageManager, LOCKS } from './installs/package-manager.ts';
import { type Dependencies, type Installer, type Planned, type SourceFiles, sourcePaths } from './installs/planned.ts';

/** Files whose text decides what is installed. Lock files do so by their hash. */
export const isDependencyFile = (path: string): boolean =>
  path === 'package.json' || path === 'pyproject.toml' || path === 'raworc.json' || path === 'Dockerfile' || /\.(txt|in)$/.test(path);
/** Larger ones count as unreadable. */
export const MAX_DEPENDENCY_FILE_BYTES = 2 ** 20;
/** Of all texts of a source together, without those at its root. */
export const MAX_DEPENDENCY_BYTES = 16 * 2 ** 20;
/** Paths that requirements can name: each is looked for among all files. */
const MAX_LOCAL = 200;
/** Longer lines name no path: none is that long. */
const MAX_PATH = 2048;

const NONE: Planned = { ok: true, dependencies: undefined };

/**
 * Returns the dependencies of a source and the files that decide them, so that a change of any
 * other file installs nothing again.
 */
export function dependenciesOf(runtime: string, files: SourceFiles): Planned {
  const planned = runtime === 'PYTHON' ? ofPython(files) : runtime === 'NODE' ? ofNode(files) : programOf(files);
  const command = buildCommandIn(files);
  return command === undefined ? planned : withCommand(command, runtime, files, planned);
}

function ofPython(files: SourceFiles): Planned {
  if (files.has('.venv/pyvenv.cfg')) return NONE;
  if (files.has('uv.lock')) {
    if (!files.has('pyproject.toml')) return no('uv.lock needs the pyproject.toml that it was made from');
    const isLocal = /\b(path|editable|directory|workspace)\s*=/.test(textOf(files, 'pyproject.toml'));
    return needs('uv', '.venv', isLocal ? sourcePaths(files) : ['pyproject.toml', 'uv.lock']);
  }
  if (files.has('requirements.txt')) {
    const found = requirementsIn(files, 'requirements.txt');
    if (typeof found === 'string') return no(found);
    return found.isEmpty ? NONE : needs('pip', '.venv', found.inputs);
  }
  if (/^dependencies[ \t]*=\s*\[\s*[^\s\]]/m.test(projectTable(textOf(files, 'pyproject.toml'))))
    return needs('pyproject', '.venv', ['pyproject.toml']);
  return NONE;
}

/** The lines of [project], without the tables after it. */
function projectTable(toml: string): string {
  const lines = toml.split('\n').map((line) => line.trim());
  const start = lines.indexOf('[project]');
  if (start === -1) return '';
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^\[[^[\]]+\]$/.test(line));
  return (end === -1 ? rest : rest.slice(0, end)).join('\n');
}

interface Requirements {
  readonly isEmpty: boolean;
  readonly inputs: readonly string[];
}

/** Options of pip that name a file or directory. */
const NAMING = /^(?:-r|--requirement|-c|--constraint|-f|--find-links|-e|--editable)(?:\s+|=|(?=[^\s-]))(.+)$/s;

/**
 * Follows what a requirements file names. The time is linear in the text, which anyone who deploys
 * writes. See https://pip.pypa.io/en/stable/reference/requirements-file-format/
 */
function requirementsIn(files: SourceFiles, first: string): Requirements | string {
  const inputs = new Set<string>();
  const seen = new Set<string>();
  const tops = new Set([...files.keys()].map((path) => path.split('/', 1)[0]));
  const usable = sourcePaths(files);
  const found = new Map<string, readonly string[]>();
  /** Undefined: there are too many to look for. */
  const filesOf = (local: string): readonly string[] | undefined => {
    // Most lines are names of packages.
    if (local !== '' && !local.includes('/') && !tops.has(local)) return [];
    const known = found.get(local);
    if (known !== undefined || found.size >= MAX_LOCAL) return known;
    const below = local === '' ? usable : usable.filter((one) => one.startsWith(`${local}/`));
    const all = files.has(local) ? [local, ...below] : below;
    found.set(local, all);
    return all;
  };
  const todo = [first];
  let isEmpty = true;
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const text = files.get(path)?.text;
    if (text === undefined) return files.has(path) ? `${path} is too large` : `${path}, which requirements.txt names, is not in the upload`;
    inputs.add(path);
    for (const line of text.replaceAll('\\\r\n', '').replaceAll('\\\n', '').split('\n').map(withoutComment)) {
      if (line === '') continue;
      const name = NAMING.exec(line)?.[1]?.trim();
      const isOption = line.startsWith('-');
      if (!isOption || /^(-e|--editable)/.test(line)) isEmpty = false;
      const target = name ?? (isOption ? undefined : line);
      const local = target === undefined ? undefined : localPath(target, path);
      if (local === undefined) continue;
      const isNew = !found.has(local);
      const below = filesOf(local);
      if (below === undefined) return `requirements.txt names more than ${MAX_LOCAL} files and directories`;
      if (below.length === 0) {
        if (name !== undefined || /^\.{0,2}\//.test(line)) return `${path} names ${local === '' ? '.' : local}, which is not in the upload`;
        continue;
      }
      if (/^(-r|--requirement|-c|--constraint)/.test(line)) todo.push(local);
      if (isNew) for (const one of below) inputs.add(one);
    }
  }
  return { isEmpty, inputs: [...inputs].sort() };
}

function withoutComment(line: string): string {
  const at = line.search(/(^|\s)#/);
  return (at === -1 ? line : line.slice(0, at)).trim();
}

/** Returns the path in the source that a requirement names; undefined for a package or URL. */
function localPath(requirement: string, from: string): string | undefined {
  if (requirement.length > MAX_PATH) return undefined;
  const [bare = ''] = requirement
    .replace(/^["']|["']$/g, '')
    .split(';')
    .map((part) => part.trimEnd());
  const url = bare.search(/(?:^|@\s*)file:/);
  const named = url === -1 ? undefined : /^(?:@\s*)?file:(?:\/\/)?(\.[^\s]*|[^/\s][^\s]*)$/.exec(bare.slice(url))?.[1];
  const path = named ?? withoutExtras(bare);
  if (named === undefined && (/^[a-z+]+:\/\//i.test(path) || /^git\+/.test(path) || path.startsWith('/'))) return undefined;
  if (/[<>=!~@\s]/.test(path)) return undefined;
  // pip reads files relative to the file that names them, and packages relative to its directory.
  const base = from.includes('/') && /\.(txt|in)$/.test(path) ? from.slice(0, from.lastIndexOf('/')) : '';
  return joined(base, path);
}

/** `./lib[extra]` is `./lib`. */
const withoutExtras = (path: string) => (path.endsWith(']') && path.includes('[') ? path.slice(0, path.lastIndexOf('[')) : path);

function joined(base: string, path: string): string | undefined {
  const parts = base === '' ? [] : base.split('/');
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

/** Scripts that npm runs in the project itself when it installs. They can read any file. */
const OWN_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare'];
const LISTS = ['dependencies', 'optionalDependencies'];

function ofNode(files: SourceFiles): Planned {
  if (!files.has('package.json') || [...files.keys()].some((path) => path.startsWith('node_modules/'))) return NONE;
  const project = objectOf(textOf(files, 'package.json'));
  if (project === undefined) return no('package.json is not a JSON object, or is too large');
  const wanted = LISTS.flatMap((list) => Object.entries(tableOf(project[list])));
  const scripts = tableOf(project.scripts);
  const hasScripts = OWN_SCRIPTS.some((name) => scripts[name] !== undefined);
  const hasDev = buildCommandIn(files) !== undefined && Object.keys(tableOf(project.devDependencies)).length > 0;
  if (wanted.length === 0 && project.workspaces === undefined && !hasScripts && !hasDev) return NONE;
  const chosen = choosePackageManager(project.packageManager, (path) => files.has(path));
  if (!chosen.ok) return no(chosen.reason);
  const isLocal = hasScripts || project.workspaces !== undefined || wanted.some(([, version]) => isLocalVersion(version));
  if (chosen.manager !== 'npm') {
    const lock = LOCKS[chosen.manager];
    const isConfigured = ['.yarnrc.yml', '.yarnrc', 'pnpm-workspace.yaml', '.pnpmfile.cjs'].some((path) => files.has(path));
    const few = ['package.json', lock, ...(files.has('.npmrc') ? ['.npmrc'] : [])];
    const all = isLocal || isConfigured || project.pnpm !== undefined;
    const planned = needs(chosen.manager, 'node_modules', all ? sourcePaths(files) : few);
    return planned.ok && planned.dependencies
      ? { ok: true, dependencies: { ...planned.dependencies, packageManager: chosen.version } }
      : planned;
  }
  const lock = ['npm-shrinkwrap.json', 'package-lock.json'].find((path) => files.has(path));
  const inputs = isLocal
    ? sourcePaths(files)
    : ['package.json', ...(lock === undefined ? [] : [lock]), ...(files.has('.npmrc') ? ['.npmrc'] : [])];
  return needs(lock === undefined ? 'npm-install' : 'npm-ci', 'node_modules', inputs);
}

const isLocalVersion = (version: unknown) =>
  typeof version === 'string' && (/^(file|link|workspace):/.test(version) || /^(\.|\/|~\/)/.test(version));

const tableOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? tableOf(value) : undefined;
  } catch {
    return undefined;
  }
}

const textOf = (files: SourceFiles, path: string) => files.get(path)?.text ?? '';
const no = (reason: string): Planned => ({ ok: false, reason });
const needs = (installer: Installer, directory: Dependencies['directory'], inputs: readonly string[]): Planned => ({
  ok: true,
  dependencies: { installer, directory, inputs: [...inputs].sort() },
});
