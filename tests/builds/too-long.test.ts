/** A build past its limit ends, wherever it is, and leaves nothing behind. */
import t from 'tap';
import { docker } from '../host/busybox.ts';
import { type Agent, buildWorld, leftovers } from './build-world.ts';

t.setTimeout(300_000);

const CODE = 'def process_message(message, context):\n    return message\n';
const slow = (files: Readonly<Record<string, string>>): Agent => ['slow', 'PYTHON', 'main.process_message', { 'main.py': CODE, ...files }];
const SLEEP = {
  'raworc.json': JSON.stringify({ runtime: 'python', handler: 'main.process_message', build_command: 'echo begun; sleep 600' }),
};

t.test('builds that run too long', async (t) => {
  const { build, builder, close } = await buildWorld({ limitMs: 15_000 });
  t.teardown(close);
  const before = await leftovers();
  const cases: readonly (readonly [what: string, agent: Agent])[] = [
    ['while a command runs', slow(SLEEP)],
    ['while a step of a Dockerfile runs', slow({ Dockerfile: 'FROM raworc/session\nRUN sleep 600\n' })],
    ['while a handler is loaded', slow({ 'main.py': `import time\ntime.sleep(600)\n${CODE}` })],
  ];
  for (const [what, agent] of cases) {
    const { report } = await build(agent);
    t.match(report, { phase: 'BUILD_FAILED', error: /it took longer than 15 seconds/ }, what);
  }
  // What is left is removed while no build runs, and the next one waits for that.
  const { image, report } = await build(['quick', 'NATIVE', 'run', { run: '#!/bin/sh\ncat\n' }, 'run']);
  t.match(report, { phase: 'BUILD_COMPLETED' });
  t.notOk(builder.uses('nothing'));
  await docker('rmi', image);
  t.same(await leftovers(), before, 'nothing is left but its image');
});
