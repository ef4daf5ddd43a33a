/** The check of handlers that ends a build, over the workers that sessions use. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { type CheckedAgent, checkHandler } from '../../../guest/check/check-handler.ts';
import { testDirectory } from '../../test-directory.ts';

const workers = join(import.meta.dirname, '../../../guest/workers');
const root = testDirectory(t, { session: { workspace: {} }, agents: {} });
const places = { workers, session: join(root, 'session'), agents: join(root, 'agents'), limitMs: 60_000 };

function check(runtime: CheckedAgent['runtime'], handler: string, files: Readonly<Record<string, string>>, mode = 0o644, limitMs?: number) {
  const name = `agent-${Math.random()}`;
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(places.agents, name, path)), { recursive: true });
    writeFileSync(join(places.agents, name, path), content, { mode });
  }
  return checkHandler({ name, runtime, handler }, { ...places, ...(limitMs !== undefined && { limitMs }) });
}

t.test('handlers that can be loaded', async (t) => {
  const loaded = { outcome: 'loaded', message: '' };
  t.match(await check('PYTHON', 'lib.main.go', { 'lib/main.py': 'async def go(m, c): pass' }), loaded);
  t.match(await check('NODE', 'index.processMessage', { 'index.ts': 'export const processMessage = (m: string): string => m;' }), loaded);
  t.match(await check('NATIVE', 'bin/run', { 'bin/run': '#!/bin/sh\n' }, 0o755), loaded);
  const built = { 'target/release/one': '#!/bin/sh\n' };
  t.match(await check('NATIVE', 'main.process_message', built, 0o755), loaded, 'the only program, with a function for a handler');
});

t.test('handlers that cannot, and why', async (t) => {
  const failed = (message: RegExp, output = /./) => ({ outcome: 'failed', message, output });
  t.match(await check('PYTHON', 'main.go', { 'main.py': '\nimport nowhere' }), failed(/No module named 'nowhere'/, /main\.py", line 2/));
  t.match(await check('PYTHON', 'main.go', { 'main.py': 'go = 1' }), failed(/main has no function go/));
  t.match(await check('NODE', 'index.go', { 'index.mjs': 'export const go = (' }), failed(/Unexpected end/, /index\.mjs:1/));
  t.match(await check('NODE', 'index.go', { 'index.cjs': 'require("nowhere")' }), failed(/Cannot find module 'nowhere'/, /index\.cjs:1/));
});

t.test('programs that cannot run, and why', async (t) => {
  const failed = (message: RegExp) => ({ outcome: 'failed', message });
  t.match(await check('NATIVE', 'run', { run: '#!/bin/sh\n' }), failed(/^run is not executable/));
  t.match(await check('NATIVE', 'run', { run: '#!/bin/sh\r\n' }, 0o755), failed(/^run, line 1: .*CRLF/));
  t.match(await check('NATIVE', 'run', { run: '#!/bin/nowhere -x\n' }, 0o755), failed(/^run, line 1: the image has no \/bin\/nowhere/));
  const two = { 'target/release/one': '#!/bin/sh\n', 'target/release/two': '#!/bin/sh\n' };
  t.match(await check('NATIVE', 'main.process_message', two, 0o755), failed(/^none of these files is there/));
  t.match(await check('NATIVE', 'walk', { other: '' }), failed(/^none of these files is there: walk, /));
});

t.test('a handler that exits or waits is neither', async (t) => {
  t.match(await check('PYTHON', 'main.go', { 'main.py': 'import os\nprint("bye", flush=True)\nos._exit(3)' }), {
    ...{ outcome: 'exited', message: 'exit code 3', output: /bye/ },
  });
  t.match(await check('NODE', 'index.go', { 'index.mjs': 'setInterval(() => {}, 1000); await new Promise(() => {});' }, 0o644, 300), {
    outcome: 'slow',
  });
});
