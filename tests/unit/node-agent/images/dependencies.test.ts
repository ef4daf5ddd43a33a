/** Which installer an agent's files call for, and what it sees. */
import t from 'tap';
import { dependenciesOf } from '../../../../node-agent/domain/dependencies.ts';
import { installScript, keyOf } from '../../../../node-agent/domain/install-script.ts';
import type { SourceFiles } from '../../../../node-agent/domain/installs/planned.ts';

const source = (files: Readonly<Record<string, string>>): SourceFiles =>
  new Map(Object.entries(files).map(([path, text]) => [path, { sha256: `hash of ${text}`, text }]));

function judged(runtime: 'PYTHON' | 'NODE' | 'NATIVE', files: Readonly<Record<string, string>>): string {
  const planned = dependenciesOf(runtime, source(files));
  if (!planned.ok) return `refused: ${planned.reason}`;
  const { dependencies } = planned;
  return dependencies === undefined ? 'none' : `${dependencies.installer}: ${dependencies.inputs.join(' ')}`;
}

const PYTHON: readonly (readonly [what: string, files: Readonly<Record<string, string>>, expected: string])[] = [
  ['nothing', { 'main.py': '' }, 'none'],
  ['requirements', { 'main.py': '', 'requirements.txt': 'requests==2\n' }, 'pip: requirements.txt'],
  ['requirements of comments', { 'requirements.txt': '# none\n\n  # more\n' }, 'none'],
  ['an index without a package', { 'requirements.txt': '--index-url https://mirror.example/\n' }, 'none'],
  ['a URL', { 'requirements.txt': 'x @ https://example.com/x.whl\ngit+https://example.com/y\n' }, 'pip: requirements.txt'],
  [
    'other files of requirements',
    { 'requirements.txt': '-r req/base.txt\n', 'req/base.txt': '-c pins.txt\na\n', 'req/pins.txt': '' },
    'pip: req/base.txt req/pins.txt requirements.txt',
  ],
  ['a circle of requirements', { 'requirements.txt': '-r requirements.txt\na\n' }, 'pip: requirements.txt'],
  [
    'a missing file of requirements',
    { 'requirements.txt': '-r gone.txt\n' },
    'refused: requirements.txt names gone.txt, which is not in the upload',
  ],
  [
    'a directory of wheels',
    { 'main.py': '', 'requirements.txt': '--no-index\n--find-links=wheels\na\n', 'wheels/a.whl': '' },
    'pip: requirements.txt wheels/a.whl',
  ],
  [
    'a package in a directory',
    { 'main.py': '', 'requirements.txt': './lib[extra]\n', 'lib/setup.py': '' },
    'pip: lib/setup.py requirements.txt',
  ],
  ['an editable one', { 'main.py': '', 'requirements.txt': '-e ./lib\n', 'lib/setup.py': '' }, 'pip: lib/setup.py requirements.txt'],
  ['a file URL', { 'main.py': '', 'requirements.txt': 'a @ file:./lib/a.whl\n', 'lib/a.whl': '' }, 'pip: lib/a.whl requirements.txt'],
  [
    'the directory itself',
    { 'main.py': '', 'requirements.txt': '.\n', 'setup.py': '', '__pycache__/x.pyc': '' },
    'pip: main.py requirements.txt setup.py',
  ],
  ['a path outside', { 'requirements.txt': '../other\n' }, 'pip: requirements.txt'],
  ['a package with the name of a directory', { 'main.py': '', 'requirements.txt': 'lib\n', 'other/x': '' }, 'pip: requirements.txt'],
  ['a project', { 'pyproject.toml': '[project]\nname = "x"\ndependencies = [\n  "requests",\n]\n' }, 'pyproject: pyproject.toml'],
  ['a project without dependencies', { 'pyproject.toml': '[project]\nname = "x"\ndependencies = []\n' }, 'none'],
  ['dependencies of a tool', { 'pyproject.toml': '[project]\nname = "x"\n[tool.x]\ndependencies = ["y"]\n' }, 'none'],
  [
    'requirements before a project',
    { 'requirements.txt': 'a', 'pyproject.toml': '[project]\ndependencies = ["b"]' },
    'pip: requirements.txt',
  ],
  ['a lock of uv', { 'main.py': '', 'uv.lock': '', 'pyproject.toml': '[project]', 'requirements.txt': 'a' }, 'uv: pyproject.toml uv.lock'],
  [
    'a lock of uv with a package of the upload',
    { 'main.py': '', 'uv.lock': '', 'pyproject.toml': '[tool.uv.sources]\na = { path = "lib" }', 'lib/x': '' },
    'uv: lib/x main.py pyproject.toml uv.lock',
  ],
  ['a lock of uv alone', { 'uv.lock': '' }, 'refused: uv.lock needs the pyproject.toml that it was made from'],
  ['an uploaded environment', { 'requirements.txt': 'a', '.venv/pyvenv.cfg': '' }, 'none'],
];

const list = (more: object) => JSON.stringify({ name: 'x', ...more });
const NODE: typeof PYTHON = [
  ['nothing', { 'index.js': '' }, 'none'],
  ['no dependencies', { 'index.js': '', 'package.json': list({ devDependencies: { a: '1' } }) }, 'none'],
  ['dependencies', { 'index.js': '', 'package.json': list({ dependencies: { a: '1' } }) }, 'npm-install: package.json'],
  [
    'a lock',
    { 'index.js': '', 'package.json': list({ dependencies: { a: '1' } }), 'package-lock.json': '{}' },
    'npm-ci: package-lock.json package.json',
  ],
  [
    'a shrinkwrap and settings',
    { 'package.json': list({ dependencies: { a: '1' } }), 'npm-shrinkwrap.json': '{}', '.npmrc': '' },
    'npm-ci: .npmrc npm-shrinkwrap.json package.json',
  ],
  [
    'a package of the upload',
    { 'index.js': '', 'lib/a.js': '', 'package.json': list({ dependencies: { a: 'file:lib' } }) },
    'npm-install: index.js lib/a.js package.json',
  ],
  [
    'a script of its own',
    { 'index.js': '', 'package.json': list({ scripts: { postinstall: 'node x' } }) },
    'npm-install: index.js package.json',
  ],
  ['uploaded modules', { 'package.json': list({ dependencies: { a: '1' } }), 'node_modules/a/package.json': '' }, 'none'],
  ['no JSON', { 'package.json': '[' }, 'refused: package.json is not a JSON object, or is too large'],
  ['requirements', { 'index.js': '', 'requirements.txt': 'a' }, 'none'],
];

for (const [runtime, cases] of [
  ['PYTHON', PYTHON],
  ['NODE', NODE],
] as const)
  for (const [what, files, expected] of cases) t.test(`${runtime}: ${what}`, async (t) => t.equal(judged(runtime, files), expected));

t.test('a native agent installs nothing', async (t) => t.equal(judged('NATIVE', { 'requirements.txt': 'a' }), 'none'));

t.test('a key follows what decides the installation, and nothing else', async (t) => {
  const base = { imageId: 'sha256:1', npmVersion: '11' };
  const key = (files: Readonly<Record<string, string>>, on = base, runtime: 'PYTHON' | 'NODE' = 'PYTHON') => {
    const planned = dependenciesOf(runtime, source(files));
    return planned.ok && planned.dependencies ? keyOf(planned.dependencies, source(files), on) : undefined;
  };
  const first = key({ 'main.py': '1', 'requirements.txt': 'a' });
  t.match(first, /^[0-9a-f]{32}$/);
  t.equal(key({ 'main.py': '2', 'requirements.txt': 'a' }), first, 'not the code');
  t.equal(key({ 'requirements.txt': 'a' }, { ...base, npmVersion: '12' }), first, 'not npm, for Python');
  t.not(key({ 'requirements.txt': 'b' }), first);
  t.not(key({ 'requirements.txt': 'a' }, { ...base, imageId: 'sha256:2' }), first);
  const npm = { 'package.json': list({ dependencies: { a: '1' } }) };
  t.not(key(npm, base, 'NODE'), key(npm, { ...base, npmVersion: '12' }, 'NODE'));
});

const MANAGERS: readonly (readonly [what: string, files: Readonly<Record<string, string>>, expected: string])[] = [
  ['a lock of pnpm', { 'pnpm-lock.yaml': '' }, 'pnpm undefined: package.json pnpm-lock.yaml'],
  ['a lock of yarn', { 'yarn.lock': '', '.npmrc': '' }, 'yarn undefined: .npmrc package.json yarn.lock'],
  ['two locks', { 'yarn.lock': '', 'package-lock.json': '' }, 'npm-ci undefined: package-lock.json package.json'],
  [
    'two locks and a choice',
    { 'yarn.lock': '', 'package-lock.json': '', wanted: 'yarn@4.5.0+sha224.1234' },
    'yarn 4.5.0: package.json yarn.lock',
  ],
  ['a choice of npm', { 'yarn.lock': '', wanted: 'npm@10.0.0' }, 'npm-install undefined: package.json'],
  [
    'settings of yarn',
    { 'yarn.lock': '', '.yarnrc.yml': '', 'index.js': '' },
    'yarn undefined: .yarnrc.yml index.js package.json yarn.lock',
  ],
  [
    'pnpm without its lock',
    { wanted: 'pnpm@10.0.0' },
    'refused: packageManager in package.json names pnpm, but there is no pnpm-lock.yaml',
  ],
  [
    'pnpm of long ago',
    { 'pnpm-lock.yaml': '', wanted: 'pnpm@6.0.0' },
    'refused: packageManager in package.json names pnpm 6; builds need 7 or newer',
  ],
  ['another manager', { wanted: 'bun@1.0.0' }, 'refused: packageManager in package.json names bun; builds install with npm, pnpm or yarn'],
  ['a range', { 'pnpm-lock.yaml': '', wanted: 'pnpm@^10' }, 'refused: packageManager in package.json must be a name and an exact version'],
  [
    'a command',
    { 'pnpm-lock.yaml': '', wanted: 'pnpm@10.0.0;id' },
    'refused: packageManager in package.json must be a name and an exact version',
  ],
];

t.test('package managers', async (t) => {
  for (const [what, { wanted, ...files }, expected] of MANAGERS) {
    const packageJson = JSON.stringify({ dependencies: { a: '1' }, ...(wanted === undefined ? {} : { packageManager: wanted }) });
    const planned = dependenciesOf('NODE', source({ 'package.json': packageJson, ...files }));
    const one = planned.ok ? planned.dependencies : undefined;
    const got = planned.ok ? `${one?.installer} ${one?.packageManager}: ${one?.inputs.join(' ')}` : `refused: ${planned.reason}`;
    t.equal(got.slice(0, expected.length), expected, what);
  }
});

t.test('what is compiled, and with what', async (t) => {
  const of = (runtime: 'PYTHON' | 'NODE' | 'NATIVE', files: Readonly<Record<string, string>>) => {
    const planned = dependenciesOf(runtime, source(files));
    return planned.ok ? planned.dependencies : planned.reason;
  };
  const command = JSON.stringify({ build_command: 'make' });
  t.match(of('NATIVE', { 'Cargo.toml': '', 'src/main.rs': '', 'README.md': '', 'raworc.json': '{}' }), {
    ...{
      installer: 'cargo',
      toolchain: 'rust',
      directory: 'target',
      inputs: ['Cargo.toml', 'src/main.rs'],
      leavesOut: ['target', 'vendor'],
    },
  });
  t.match(of('NATIVE', { 'go.mod': '', 'main.go': '' }), { installer: 'go', toolchain: 'go', directory: 'target' });
  t.equal(of('NATIVE', { 'Cargo.toml': '', 'target/release/agent': '' }), undefined, 'a program that was uploaded is not compiled');
  t.equal(of('NATIVE', { agent: '' }), undefined);
  t.equal(of('PYTHON', { 'Cargo.toml': '', 'main.py': '' }), undefined);
  t.match(of('NATIVE', { 'raworc.json': command, a: '' }), {
    installer: 'none',
    command: 'make',
    toolchain: 'c',
    inputs: ['a', 'raworc.json'],
  });
  t.match(of('NATIVE', { 'raworc.json': command, 'Cargo.toml': '' }), { installer: 'none', toolchain: 'rust', directory: undefined });
  t.match(of('NODE', { 'raworc.json': command, 'package.json': '{"devDependencies":{"typescript":"5"}}' }), {
    ...{ installer: 'npm-install', command: 'make', directory: 'node_modules', inputs: ['package.json', 'raworc.json'] },
  });
  t.match(of('PYTHON', { 'raworc.json': command, 'requirements.txt': 'a', 'main.py': '' }), { installer: 'pip', command: 'make' });
});

t.test('each installer’s script prints nothing but its tar to standard output', async (t) => {
  for (const installer of ['pip', 'pyproject', 'uv', 'npm-ci', 'npm-install', 'pnpm', 'yarn'] as const) {
    const script = installScript({ installer, directory: undefined, inputs: [] });
    t.match(script, /exec 3>&1 1>&2 <\/dev\/null/);
    t.match(script, /\) 3>&-\nexec tar -cf - --exclude=\.\/\.cache \. >&3\n$/);
  }
  const compiled = installScript({ installer: 'cargo', directory: 'target', inputs: [] });
  const commanded = installScript({ installer: 'none', directory: undefined, inputs: [], command: 'make' });
  for (const script of [compiled, commanded]) t.match(script, /\) 3>&-\ncd \.cache\/result\nexec tar -cf - \. >&3\n$/);
});

/** With the square of their length, these take minutes to hours. */
t.test('texts made to be slow are read in one go', async (t) => {
  const n = 512 * 1024;
  const files = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`d/${at}/f`, '']));
  const texts: readonly (readonly [what: string, files: Readonly<Record<string, string>>])[] = [
    ['empty lines', { 'pyproject.toml': `[project]\nx\n${'\n'.repeat(n)}x` }],
    ['spaces', { 'requirements.txt': `a${' '.repeat(n)}b` }],
    ['brackets', { 'requirements.txt': `${'['.repeat(n)}b` }],
    ['comments', { 'requirements.txt': `a${' #'.repeat(n)}\rb` }],
    ['an option', { 'requirements.txt': `-r${' '.repeat(n)}a\rb` }],
    ['URLs of files', { 'requirements.txt': `${`${'@file:x'.repeat(280)} y\n`.repeat(n / 2000)}` }],
    ['the whole source on each line', { ...files, 'requirements.txt': '.\n'.repeat(n / 2) }],
  ];
  for (const [what, text] of texts) t.type(judged('PYTHON', text), 'string', what);
  const each = Array.from({ length: 2000 }, (_, at) => `./d/${at}`).join('\n');
  t.match(judged('PYTHON', { ...files, 'requirements.txt': each }), /names more than 200 files and directories/);
});
