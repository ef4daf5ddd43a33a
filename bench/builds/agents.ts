/** Agents of the benchmark of builds, with dependencies that need no package index or the npm registry. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WHEEL, WHEEL_NAME } from '../../tests/host/wheel.ts';

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Twenty packages of the npm registry without dependencies of their own. */
const NPM = {
  ...{ ms: '2.1.3', wrappy: '1.0.2', inherits: '2.0.4', 'safe-buffer': '5.2.1', 'balanced-match': '1.0.2', 'concat-map': '0.0.1' },
  ...{ isexe: '2.0.0', 'color-name': '1.1.4', 'path-key': '3.1.1', 'escape-html': '1.0.3', 'ee-first': '1.1.1', depd: '2.0.0' },
  ...{ 'has-flag': '4.0.0', 'path-exists': '4.0.0', 'p-try': '2.2.0', vary: '1.1.2', etag: '1.8.1', fresh: '0.5.2' },
  ...{ 'mime-db': '1.52.0', 'object-assign': '4.1.1' },
};
export const PACKAGES = Object.keys(NPM).length;

const CODE = {
  node: (word: string) => `import ms from 'ms';\nexport const processMessage = () => ${JSON.stringify(word)} + ms(60000);\n`,
  python: (word: string) =>
    `from greeting import greet\ndef process_message(message, context):\n    return greet(${JSON.stringify(word)})\n`,
};

const packageJson = (name: string, dependencies: Readonly<Record<string, string>>) =>
  JSON.stringify({ name, version: '1.0.0', type: 'module', dependencies });

/** Returns five agents of three runtimes, four of them with dependencies of their own. `word` is in one file of the third. */
export function fiveAgents(word: string): Readonly<Record<string, Files>> {
  const python = (name: string, text: string): Files => ({
    'main.py': CODE.python(text),
    'requirements.txt': `# ${name}\n--no-index\n--find-links wheels\ngreeting==1.0\n`,
    [`wheels/${WHEEL_NAME}`]: WHEEL,
  });
  return {
    'node-one': { 'index.js': CODE.node('one'), 'package.json': packageJson('one', { ms: '2.1.3', wrappy: '1.0.2' }) },
    'node-two': { 'index.js': CODE.node('two'), 'package.json': packageJson('two', { ms: '2.1.3', inherits: '2.0.4' }) },
    'python-one': python('one', word),
    'python-two': python('two', 'two'),
    plain: { 'main.py': 'def process_message(message, context):\n    return message\n' },
  };
}

/** Returns an agent with twenty packages and a lock file, which the npm of this machine makes in the directory. */
export function twentyForNode(directory: string, npm: readonly string[]): Files {
  const text = packageJson('twenty', NPM);
  const [program = 'npm', ...first] = npm;
  execFileSync('mkdir', ['-p', directory]);
  execFileSync('sh', ['-c', 'cat > package.json'], { cwd: directory, input: text });
  execFileSync(program, [...first, 'install', '--package-lock-only', '--no-audit', '--no-fund'], { cwd: directory, stdio: 'ignore' });
  const lock = readFileSync(join(directory, 'package-lock.json'), 'utf8');
  return { 'index.js': CODE.node('twenty'), 'package.json': text, 'package-lock.json': lock };
}

/** Makes a wheel with one module. */
const MAKE_WHEELS = `import sys, os, zipfile
os.makedirs("wheels", exist_ok=True)
for n in range(${PACKAGES}):
    name = f"package{n}"
    with zipfile.ZipFile(f"wheels/{name}-1.0-py3-none-any.whl", "w") as z:
        info = f"{name}-1.0.dist-info"
        for m in range(20):
            z.writestr(f"{name}/module{m}.py", "\\n".join(f"def f{i}(x):\\n    return x + {i}" for i in range(100)))
        z.writestr(f"{name}/__init__.py", f"def name(): return '{name}'\\n")
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: bench\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        z.writestr(f"{info}/RECORD", "")
`;

/** Returns an agent with twenty packages of Python, whose wheels are made in the directory. */
export function twentyForPython(directory: string): Files {
  execFileSync('mkdir', ['-p', directory]);
  execFileSync('python3', ['-c', MAKE_WHEELS], { cwd: directory });
  const names = Array.from({ length: PACKAGES }, (_, n) => `package${n}`);
  const wheels = names.map((name) => `wheels/${name}-1.0-py3-none-any.whl`);
  return {
    'main.py': `import package0\ndef process_message(message, context):\n    return package0.name()\n`,
    'requirements.txt': `--no-index\n--find-links wheels\n${names.map((name) => `${name}==1.0\n`).join('')}`,
    ...Object.fromEntries(wheels.map((path) => [path, readFileSync(join(directory, path))])),
  };
}
