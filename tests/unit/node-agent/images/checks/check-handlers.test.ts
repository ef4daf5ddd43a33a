/** The code of an agent can write to the output of the program that checks its handler. */
import t from 'tap';
import { UNWATCHED } from '../../../../../node-agent/builds/progress.ts';
import type { BuildEngine, Job } from '../../../../../node-agent/engine/build-engine.ts';
import { checkHandlers } from '../../../../../node-agent/images/checks/check-handlers.ts';

const IMAGE = { buildId: 'b1', space: 'default', imageId: 'sha256:1', agents: [{ name: 'a', runtime: 'NODE', handler: '' }] };
const { signal } = new AbortController();

function checked(output: () => Iterable<string>) {
  let closed = 0;
  const job: Job = {
    output: (async function* () {
      for (const text of output()) yield Buffer.from(text);
    })(),
    began: Promise.resolve(true),
    ended: Promise.resolve({ code: 0, lastLines: '' }),
    async close() {
      closed += 1;
    },
  };
  const engine: Pick<BuildEngine, 'start'> = { start: async () => job };
  return { fault: checkHandlers(engine as BuildEngine, IMAGE, UNWATCHED, signal), closed: () => closed };
}

const result = (output: string) => [JSON.stringify([{ agent: 'a', outcome: 'failed', message: 'SyntaxError', output }])];

t.test('output without end fails the build, and is not kept', async (t) => {
  let printed = 0;
  const { fault, closed } = checked(function* () {
    for (const mib = 'x'.repeat(2 ** 20); printed < 1024; printed += 1) yield mib;
  });
  t.match(await fault, /printed more than 16 MiB/);
  t.ok(printed < 32, `${printed} MiB were read`);
  t.equal(closed(), 1);
});

t.test('a fault is looked for in the first part of an output only', async (t) => {
  const place = '/opt/raworc/agents/a/index.mjs:3';
  t.match(await checked(() => result(`${place}\n`)).fault, /index\.mjs, line 3/);
  const { fault } = checked(() => result(`${'x'.repeat(2 ** 20)} ${place}`));
  t.notMatch(await fault, /line 3/);
});
