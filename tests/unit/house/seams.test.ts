import t from 'tap';
import { type SourceFile, sourceFile, sourceTree } from './source-tree.ts';

/**
 * Time, timers, randomness, ids and the disk are handed in, never reached for, so that a whole cluster runs in one process
 * under a simulated clock. These are the places where the outside begins, and where reaching is the job.
 */
const outside = [
  'node-agent/engine/docker/',
  'node-agent/engine/firewall/',
  'node-agent/engine/cgroup/',
  'node-agent/control/channel.ts',
  'node-agent/control/grpc-dialer.ts',
  'node-agent/identity/presented-ca.ts',
  'node-agent/identity/renew-call.ts',
  'node-agent/docker-engine.ts',
  'node-agent/configured.ts',
  // Programs that run to their end beside the node agent.
  'node-agent/doctor/',
  'node-agent/join/',
  'node-agent/service/',
  'node-agent/identity/enter.ts',
  'node-agent/main.ts',
  'node-agent/run.ts',
  'node-agent/guests/sockets.ts',
  'node-agent/volumes/',
  'node-agent/images/guest-files.ts',
  'node-agent/images/installed-npm.ts',
  'node-agent/images/installed-terminals.ts',
  'node-agent/images/build-settings.ts',
  'seams/file-lock.ts',
  'node-agent/identity/join.ts',
  'node-agent/identity/identity.ts',
  'guest/main.ts',
  'guest/workers/',
  // A program of its own, whose work is the disk.
  'guest/files/',
  // A program that runs to its end in a build.
  'guest/check/',
  'guest/host/socket-dialer.ts',
  'guest/ports/system-ports.ts',
  'guest/logs/',
  'guest/volume/',
  'guest/settings.ts',
];
const inside = ['controller/domain', 'controller/services', 'node-agent', 'guest', 'journal'];

const reached: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['the clock', /\bDate\.now\b|\bnew\s+Date\s*\(\s*\)|(?<![.\w])Date\s*\(\s*\)|\bperformance\s*\.|\bhrtime\b/],
  ['a timer', /(?<![.\w])(setTimeout|setInterval|setImmediate)\b|\bglobalThis\.set|\bAbortSignal\.timeout\b/],
  ['randomness', /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\brandomInt\b|\bgetRandomValues\b/],
  ['the process', /\bprocess\s*\.\s*(exit|abort|kill|env|argv|cwd|chdir|on|once)\b/],
];
const modules = [
  'node:fs',
  'node:fs/promises',
  'fs',
  'fs/promises',
  'node:timers',
  'node:timers/promises',
  'node:child_process',
  'node:net',
  'node:perf_hooks',
];

function reaches(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path }) => !outside.some((place) => path.startsWith(place)))
    .flatMap(({ path, code, imports }) => [
      ...reached.filter(([, pattern]) => pattern.test(code)).map(([what]) => `${path} reaches for ${what}`),
      ...imports.filter(({ target, typeOnly }) => !typeOnly && modules.includes(target)).map(({ target }) => `${path} imports ${target}`),
    ]);
}

t.test('clock, timers, randomness, disk and process are passed in, not accessed directly', async (t) => {
  const files = sourceTree(inside);
  t.ok(files.length > 30, 'the sources were found');
  t.same(reaches(files), []);
});

t.test('the directory of a test is removed after what writes in it was stopped', async (t) => {
  const direct = sourceTree(['tests']).filter(({ code }) => /\.testdir\s*\(/.test(code));
  t.same(
    direct.map(({ path }) => path),
    ['tests/test-directory.ts'],
  );
});

t.test('a planted direct access is found, and a mention is not', async (t) => {
  const planted = [
    'const at = Date.now();',
    'const at = new Date();',
    'setTimeout(run, 5);',
    'setImmediate(run);',
    'await new Promise((done) => setInterval(done, 5));',
    'const id = crypto.randomUUID();',
    'const dice = Math.random();',
    'process.exit(1);',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template is what is planted
    'const text = `at ${Date.now()}`;',
    "import { readFile } from 'node:fs/promises';",
    "import { setTimeout } from 'node:timers/promises';",
  ];
  for (const text of planted) t.not(reaches([sourceFile('controller/services/planted.ts', text)]).length, 0, text);
  const mentions = [
    '// Date.now() is what nobody may call',
    '/* setTimeout(run, 5) */',
    "const word = 'Math.random()';",
    'const pattern = /setTimeout\\(/;',
    'const at = new Date(clock.now());',
    'clock.after(5, run);',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template is what is mentioned
    'const text = `setTimeout(${5})`.length;',
    "import type { Stats } from 'node:fs';",
  ];
  for (const text of mentions) t.same(reaches([sourceFile('controller/services/planted.ts', text)]), [], text);
});
