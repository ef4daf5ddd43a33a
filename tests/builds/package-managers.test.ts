/** Agents for Node.js with the lock files of npm, pnpm and yarn, from the npm registry. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { docker } from '../host/busybox.ts';
import { type Agent, buildWorld, type Files, lines } from './build-world.ts';

const MIB = 2 ** 20;
t.setTimeout(900_000);

const lock = (name: string) => readFileSync(join(import.meta.dirname, 'locks', name), 'utf8');
const PACKAGE = { name: 'a', version: '1.0.0', dependencies: { ms: '2.1.3', once: '1.4.0' } };
const CODE = "import ms from 'ms';\nimport once from 'once';\nexport const processMessage = once((message) => ms(message));\n";

const agent = (name: string, files: Files, fields: object = {}): Agent => [
  ...([name, 'NODE', 'index.processMessage'] as const),
  { 'index.mjs': CODE, 'package.json': JSON.stringify({ ...PACKAGE, ...fields }), ...files },
];

t.test('package managers', async (t) => {
  const { build, installs, close } = await buildWorld({
    limits: { memoryBytes: 1024 * MIB, processes: 512, diskBytes: 1024 * MIB, temporaryBytes: 64 * MIB },
  });
  t.teardown(close);
  const versionOf = async (image: string, name: string) => {
    const script = `cd /opt/raworc/agents/${name} && grep -h '"version"' node_modules/ms/package.json node_modules/once/package.json; ls -A`;
    return lines(await docker('run', '--rm', '--entrypoint', 'sh', image, '-c', script)).map((line) => line.trim());
  };
  const VERSIONS = ['"version": "2.1.3",', '"version": "1.4.0",'];

  await t.test('pnpm, yarn 1 and yarn 4, by their lock files', async (t) => {
    const { image, report } = await build(
      agent('pnpm', { 'pnpm-lock.yaml': lock('pnpm-lock.yaml') }),
      agent('yarn-one', { 'yarn.lock': lock('yarn-1.lock') }),
      agent('yarn-four', { 'yarn.lock': lock('yarn-4.lock') }),
    );
    t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 3, reused: 0 });
    for (const name of ['pnpm', 'yarn-one', 'yarn-four'])
      t.same((await versionOf(image, name)).slice(0, 2).sort(), [...VERSIONS].sort(), name);
  });

  await t.test('the version that packageManager names', async (t) => {
    const { report } = await build(agent('pnpm', { 'pnpm-lock.yaml': lock('pnpm-lock.yaml') }, { packageManager: 'pnpm@9.15.4' }));
    t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
  });

  await t.test('a lock file that does not fit package.json fails the build', async (t) => {
    const more = { dependencies: { ...PACKAGE.dependencies, wrappy: '1.0.2' } };
    const cases: readonly (readonly [files: Files, error: RegExp])[] = [
      [{ 'pnpm-lock.yaml': lock('pnpm-lock.yaml') }, /pnpm install failed for the agent a: [\s\S]*FROZEN|OUTDATED_LOCKFILE/],
      [{ 'yarn.lock': lock('yarn-1.lock') }, /yarn install failed for the agent a: [\s\S]*lockfile needs to be updated/],
      [{ 'yarn.lock': lock('yarn-4.lock') }, /yarn install failed for the agent a: [\s\S]*lockfile would have been modified/],
    ];
    for (const [files, error] of cases) {
      const { report } = await build(agent('a', files, more));
      t.match(report, { phase: 'BUILD_FAILED', error });
    }
  });

  await t.test('TypeScript that a build command compiles with a devDependency', async (t) => {
    const { report, image } = await build([
      ...(['ts', 'NODE', 'dist/index.processMessage'] as const),
      {
        'raworc.json': JSON.stringify({ runtime: 'node', handler: 'dist/index.processMessage', build_command: 'npm run build' }),
        'package.json': JSON.stringify({
          ...{ name: 'ts', version: '1.0.0', type: 'module', scripts: { build: 'tsc -p .' } },
          ...{ dependencies: { ms: '2.1.3' }, devDependencies: { typescript: '5.9.3' } },
        }),
        'tsconfig.json': JSON.stringify({
          compilerOptions: { outDir: 'dist', module: 'nodenext', target: 'es2022', types: [] },
          include: ['src'],
        }),
        'src/index.ts': 'enum Tone { Loud = "!" }\nexport const processMessage = (message: string): string => message + Tone.Loud;\n',
      },
    ]);
    t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
    const there = await docker('run', '--rm', '--entrypoint', 'sh', image, '-c', 'cd /opt/raworc/agents/ts; ls; ls node_modules; ls dist');
    t.match(there, /dist\nnode_modules\npackage\.json/);
    t.match(there, /index\.js/);
    t.notMatch(there, /typescript/, 'without devDependencies');
  });

  await t.test('CommonJS, ES modules and TypeScript as it is', async (t) => {
    const reply = 'message: string';
    const { report } = await build(
      [
        'common',
        'NODE',
        'index.processMessage',
        { 'index.cjs': "const { join } = require('node:path');\nexports.processMessage = (message) => join(message);\n" },
      ],
      ['plain', 'NODE', 'index.process_message', { 'index.js': 'module.exports.process_message = (message) => message;\n' }],
      [
        'module',
        'NODE',
        'index.processMessage',
        { 'package.json': '{"type":"module"}', 'index.js': 'export const processMessage = async (message) => message;\n' },
      ],
      ['typed', 'NODE', 'index.processMessage', { 'index.ts': `export const processMessage = (${reply}): string => message;\n` }],
    );
    t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
  });
});
