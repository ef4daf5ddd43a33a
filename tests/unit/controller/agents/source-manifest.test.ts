import t from 'tap';
import { readManifest } from '../../../../controller/domain/agents/manifest.ts';

const judge = (files: Record<string, string>) => {
  const answer = readManifest({ paths: new Set(Object.keys(files)), text: (path) => files[path] });
  if (!answer.ok) return `refused: ${answer.refusal.message}`;
  const { runtime, handler } = answer.value;
  return `${runtime} ${handler}`;
};
const manifest = (fields: object) => JSON.stringify({ runtime: 'python', handler: 'main.process_message', ...fields });
const python = 'async def process_message(m, c): ...';

const cases: [string, Record<string, string>, RegExp][] = [
  ['python by its file', { 'main.py': python }, /^python main\.process_message$/],
  ['python without the function', { 'main.py': 'print(1)' }, /refused: main\.py has no process_message/],
  ['node by its index', { 'index.mjs': 'export async function processMessage() {}' }, /^node index\.processMessage$/],
  ['node with the other spelling', { 'index.cjs': 'exports.process_message = f' }, /^node index\.process_message$/],
  ['node by its package', { 'package.json': '{"main":"./src/app.js"}', 'src/app.js': '' }, /^node src\/app\.processMessage$/],
  ['two at once', { 'main.py': python, 'index.js': '' }, /refused: .*raworc\.json/],
  ['nothing', { 'readme.md': '' }, /refused: Found no agent at the top of the archive: it needs raworc\.json/],
  ['a crate', { 'Cargo.toml': '[package]\nname = "agent-7" # mine\n', 'src/main.rs': '' }, /^native agent-7$/],
  ['a crate with programs', { 'Cargo.toml': '[[bin]]\nname = "one"\n[[bin]]\nname = "two"\n[package]\nname = "x"' }, /^native one$/],
  ['a crate with a default', { 'Cargo.toml': "[package]\nname='x'\ndefault-run = 'two'\n[[bin]]\nname = 'one'" }, /^native two$/],
  ['a workspace of crates', { 'Cargo.toml': '[workspace]\nmembers = ["a"]' }, /refused: Cargo\.toml names no program\. Add a raworc\.json/],
  ['a dependency named like a package', { 'Cargo.toml': '[dependencies]\nname = "1"' }, /refused: Cargo\.toml names no program/],
  ['a module of Go', { 'go.mod': 'module example.com/tools/gopher/v2\n\ngo 1.19\n' }, /^native gopher$/],
  ['a crate and Python', { 'Cargo.toml': '', 'main.py': python }, /refused: There is both a main\.py and a Cargo\.toml\./],
  ['a crate that Python uses', { 'raworc.json': manifest({}), 'Cargo.toml': '', 'main.py': python }, /^python main\.process_message$/],
  [
    'a manifest',
    { 'raworc.json': manifest({ runtime: 'Python3', handler: 'app.core.answer' }), 'app/core.py': '' },
    /^python app\.core\.answer$/,
  ],
  ['a package as module', { 'raworc.json': manifest({ handler: 'app.answer' }), 'app/__init__.py': '' }, /^python app\.answer$/],
  [
    'node in a folder',
    { 'raworc.json': manifest({ runtime: 'nodejs', handler: 'dist/index.run' }), 'dist/index.mjs': '' },
    /^node dist\/index\.run$/,
  ],
  [
    'a handler that names no file',
    { 'raworc.json': manifest({ handler: 'other.f' }), 'main.py': '' },
    /refused: The handler "other\.f" names no file.*other\.py/,
  ],
  ['a handler that climbs', { 'raworc.json': manifest({ runtime: 'node', handler: '../x.f' }) }, /refused: The handler must be/],
  ['a handler without a function', { 'raworc.json': manifest({ handler: 'main' }), 'main.py': '' }, /refused: The handler must be/],
  [
    'no JSON',
    { 'raworc.json': '{"runtime": "python"\n "handler": "x.y"}' },
    /^refused: raworc\.json must contain a JSON object: .* \(line 2 column 2\)$/,
  ],
  [
    'a value is missing',
    { 'raworc.json': '{"handler": }\n' },
    /^refused: raworc\.json must contain a JSON object: Unexpected token '}', .*"handler": }.*$/,
  ],
  ['a list', { 'raworc.json': '[]' }, /^refused: raworc\.json must contain a JSON object$/],
  ['native', { 'raworc.json': manifest({ runtime: 'rust', handler: 'agent' }), agent: '' }, /^native/],
  ['a build command', { 'raworc.json': manifest({ build_command: 'make' }), 'main.py': '' }, /^python main\.process_message$/],
  [
    'a handler that a build command makes',
    { 'raworc.json': manifest({ runtime: 'node', handler: 'dist/index.run', build_command: 'npm run build' }) },
    /^node dist\/index\.run$/,
  ],
  ['a base image', { 'raworc.json': manifest({ base_image: 'debian:12-slim', dockerfile: false }), 'main.py': '' }, /^python/],
  [
    'no base image',
    { 'raworc.json': manifest({ base_image: 'a\nRUN x' }), 'main.py': '' },
    /refused: raworc\.json: base_image must be the name of an image/,
  ],
  [
    'a named Dockerfile',
    { 'raworc.json': manifest({ dockerfile: 'x' }), 'main.py': '' },
    /refused: raworc\.json: dockerfile must be true or false/,
  ],
  ['no text as build command', { 'raworc.json': manifest({ build_command: ['make'] }), 'main.py': '' }, /refused: .*build_command must be/],
  ['a manifest that only describes', { 'raworc.json': '{"purpose":"p"}', 'main.py': python }, /^python main\.process_message$/],
  ['a manifest without a handler', { 'raworc.json': '{"runtime":"node","timeout_s":5}', 'index.mjs': '' }, /^node index\.processMessage$/],
  ['a manifest without a runtime', { 'raworc.json': '{"handler":"app.f"}', 'app.py': '', 'main.py': python }, /^python app\.f$/],
  ['a manifest that leaves open which', { 'raworc.json': '{}', 'main.py': python, 'index.js': '' }, /refused: There is both/],
  ['a slip in a key', { 'raworc.json': manifest({ concurency: 2 }), 'main.py': '' }, /refused: .*concurency .*did you mean concurrency\?/],
  ['a key with its letters swapped', { 'raworc.json': '{"runtmie":"python"}', 'main.py': python }, /did you mean runtime\?/],
  ['a key with a dash', { 'raworc.json': manifest({ 'Build-Command': 'make' }), 'main.py': '' }, /did you mean build_command\?/],
  ['a key without its unit', { 'raworc.json': manifest({ timeout: 5 }), 'main.py': '' }, /timeout .*did you mean timeout_s\?/],
  [
    'keys of other tools',
    { 'raworc.json': manifest({ name: 'a', version: '1', author: 'x', tags: [], build: {}, runtime_version: 3 }), 'main.py': '' },
    /^python main\.process_message$/,
  ],
  ['a manifest of nothing', { 'raworc.json': '{}' }, /refused: Found no agent/],
  ['a handler of another runtime', { 'raworc.json': '{"runtime":"node"}', 'main.py': python }, /refused: .*handler must be/],
  ['an unknown runtime', { 'raworc.json': manifest({ runtime: 'ruby' }) }, /refused: raworc\.json: runtime must be/],
  [
    'wrong types',
    { 'raworc.json': manifest({ purpose: 7, capabilities: 'x', idempotent: 'yes' }) },
    /purpose must.*capabilities must.*idempotent must/,
  ],
  ['too long a run', { 'raworc.json': manifest({ timeout_s: 3601 }), 'main.py': '' }, /refused: raworc\.json: timeout_s must.*1 to 3600/],
  ['a crowd', { 'raworc.json': manifest({ concurrency: 17 }), 'main.py': '' }, /refused: raworc\.json: concurrency must.*1 to 16/],
  ['part of a second', { 'raworc.json': manifest({ timeout_s: 0.5 }), 'main.py': '' }, /refused: raworc\.json: timeout_s must/],
  ['hardly any memory', { 'raworc.json': manifest({ memory_bytes: 1 }), 'main.py': '' }, /refused: raworc\.json: memory_bytes must/],
  ['no JSON', { 'raworc.json': '{' }, /refused: raworc\.json must contain/],
  ['an array', { 'raworc.json': '[]' }, /refused: raworc\.json must contain/],
  ['TypeScript', { 'index.ts': 'export const processMessage = (message: string) => message;' }, /^node index\.processMessage$/],
  ['requirements', { 'main.py': python, 'requirements.txt': '# none\nrequests==2\n' }, /^python/],
  ['requirements of comments', { 'main.py': python, 'requirements.txt': '# none\n\n' }, /^python/],
  [
    'a dependency',
    { 'index.js': '', 'package.json': '{"dependencies":{"@a/b":"1","left-pad":"1"}}', 'node_modules/@a/b/package.json': '' },
    /refused: package\.json depends on left-pad,/,
  ],
  [
    'a dependency brought along',
    { 'index.js': '', 'package.json': '{"dependencies":{"@a/b":"1"}}', 'node_modules/@a/b/package.json': '' },
    /^node/,
  ],
];

for (const [name, files, expected] of cases) {
  t.test(name, async (t) => t.match(judge(files), expected));
}

t.test('what a manifest says of the agent is kept', async (t) => {
  const files: Record<string, string> = {
    'main.py': '',
    'raworc.json': manifest({
      description: 'd',
      purpose: 'p',
      capabilities: ['c'],
      idempotent: true,
      timeout_s: 30,
      memory_bytes: 2 ** 27,
      concurrency: 4,
      more: 1,
    }),
  };
  t.same(readManifest({ paths: new Set(Object.keys(files)), text: (path) => files[path] }), {
    ok: true,
    value: {
      ...{ runtime: 'python', handler: 'main.process_message', description: 'd', purpose: 'p', capabilities: ['c'], idempotent: true },
      ...{ timeoutS: 30, memoryBytes: 2 ** 27, concurrency: 4 },
    },
  });
});
