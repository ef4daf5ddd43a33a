/** Builds of agents with dependencies, in Docker, with a registry of npm and a directory of wheels. */
import t from 'tap';
import { type Agent, buildWorld, type Files, leftovers } from '../builds/build-world.ts';
import { docker } from './busybox.ts';
import { WHEEL, WHEEL_NAME } from './wheel.ts';

t.setTimeout(240_000);

const PYTHON = (reply: string): Agent => [
  'python',
  'PYTHON',
  'main.process_message',
  {
    'main.py': `from greeting import greet\ndef process_message(message, context):\n    return greet(${JSON.stringify(reply)})\n`,
    'requirements.txt': '--no-index\n--find-links wheels\ngreeting==1.0\n',
    [`wheels/${WHEEL_NAME}`]: WHEEL,
  },
];
const NODE: Agent = [
  'node',
  'NODE',
  'index.processMessage',
  {
    'index.mjs': "import ms from 'ms';\nexport const processMessage = (message) => ms(message);\n",
    'package.json': JSON.stringify({ name: 'agent', version: '1.0.0', dependencies: { ms: '2.1.3' } }),
  },
];

const NATIVE: Agent = ['native', 'NATIVE', 'run', { run: '#!/bin/sh\ncat\n' }, 'run'];

const layersOf = async (image: string): Promise<string[]> =>
  JSON.parse(await docker('image', 'inspect', image, '--format', '{{json .RootFS.Layers}}'));

t.test('builds with dependencies', async (t) => {
  const { build, installs, close } = await buildWorld();
  t.teardown(close);

  await t.test('a build that fails says why and leaves nothing behind', async (t) => {
    const before = await leftovers();
    const python = (source: string, files: Files = {}): Agent => ['a', 'PYTHON', 'main.process_message', { 'main.py': source, ...files }];
    const native = (source: string, executable?: string): Agent => ['a', 'NATIVE', 'run', { run: source }, executable];
    const installing = (postinstall: string): Agent => [
      ...(['a', 'NODE', 'index.processMessage'] as const),
      { 'index.mjs': '', 'package.json': JSON.stringify({ name: 'a', version: '1.0.0', scripts: { postinstall } }) },
    ];
    const failing: readonly (readonly [what: string, agent: Agent, error: RegExp])[] = [
      ['a syntax error', python('def process_message(m, c):\n  return (\n'), /SyntaxError.*main\.py, line 2/],
      ['a missing module', python('\nimport nowhere\n'), /No module named 'nowhere' \(main\.py, line 2\)/],
      ['a missing function', python('x = 1\n'), /main has no function process_message/],
      [
        'a missing package of Node.js',
        ['a', 'NODE', 'index.processMessage', { 'index.mjs': "import 'nowhere';\n" }],
        /Cannot find package 'nowhere'/,
      ],
      ['CRLF in a script', native('#!/bin/sh\r\necho hello\r\n', 'run'), /run, line 1: the line ends with CRLF/],
      ['a program without x bit', native('#!/bin/sh\n'), /run is not executable\. Run chmod \+x run/],
      [
        'a package that no index has',
        python('', { 'requirements.txt': '--no-index\n--find-links wheels\nnowhere==9\n', 'wheels/x.txt': '' }),
        /pip install -r requirements\.txt failed for the agent a: exit code 1\. Its last lines:\n(.*\n)*.*No matching distribution found for nowhere==9/,
      ],
      [
        'a script that fills the disk',
        installing('head -c 500000000 /dev/zero > big'),
        /npm install failed .*more disk space than builds have/,
      ],
      [
        'a script that fills the memory',
        installing(`node -e "const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))"`),
        /npm install failed .*more memory than builds have/,
      ],
      ['a script that forks', installing('for i in $(seq 100); do sleep 60 & done; wait'), /npm install failed (.*\n)*.*[Ff]ork/],
    ];
    for (const [what, agent, error] of failing) {
      const { report } = await build(agent);
      t.match(report, { phase: 'BUILD_FAILED', error }, what);
    }
    t.same(await leftovers(), before);
  });

  await t.test('dependencies are installed once, and a changed file changes one layer', async (t) => {
    const first = await build(PYTHON('one'), NODE, NATIVE);
    t.match(first.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 2, reused: 0 });
    const second = await build(PYTHON('two'), NODE, NATIVE);
    t.match(second.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 2, reused: 2 });
    const [before, after] = [await layersOf(first.image), await layersOf(second.image)];
    t.equal(after.length, before.length);
    t.equal(after.filter((layer) => !before.includes(layer)).length, 1);

    await docker('rmi', first.image);
    const third = await build(NODE);
    t.match(third.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 2, reused: 3 }, 'copied from an image with more');
    await docker('rmi', second.image, third.image);
    t.match(await leftovers(), { containers: 0, images: 0, disks: 0, mounts: 0 }, 'the dependencies go with the last image');
  });
});
