/** Handlers are loaded again only after a change of what they can import. */

import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { UNWATCHED } from '../../../../../node-agent/builds/progress.ts';
import type { BuildEngine } from '../../../../../node-agent/engine/build-engine.ts';
import { HandlerChecks } from '../../../../../node-agent/images/checks/handler-checks.ts';

const { signal } = new AbortController();
const agent = (name: string, content: string, handler = 'main.process_message') => ({ name, runtime: 'NODE', handler, content });

/** Records the agents that each container loads; those in `broken` fail. */
function rig(broken: readonly string[] = []) {
  const loads: string[][] = [];
  const engine: Pick<BuildEngine, 'start'> = {
    async start({ input }) {
      const names = JSON.parse(await text(Readable.from(input))).map(({ name }: { name: string }) => name);
      loads.push(names);
      const results = names.map((name: string) => ({
        ...{ agent: name, outcome: broken.includes(name) ? 'failed' : 'loaded', message: 'SyntaxError', output: '' },
      }));
      return {
        output: (async function* () {
          yield Buffer.from(JSON.stringify(results));
        })(),
        began: Promise.resolve(true),
        ended: Promise.resolve({ code: 0, lastLines: '' }),
        close: async () => undefined,
      };
    },
  };
  const checks = new HandlerChecks(engine as BuildEngine);
  const check = (...agents: ReturnType<typeof agent>[]) =>
    checks.faultIn({ buildId: 'b', space: 's', imageId: 'sha256:1', agents }, UNWATCHED, signal);
  return { check, loads };
}

t.test('only a changed agent is loaded again', async (t) => {
  const { check, loads } = rig();
  t.equal(await check(agent('a', '1'), agent('b', '1')), undefined);
  t.equal(await check(agent('a', '1'), agent('b', '2')), undefined);
  t.equal(await check(agent('a', '1'), agent('b', '1')), undefined, 'also a return to what was loaded before');
  t.equal(await check(agent('a', '1', 'main.other'), agent('c', '1')), undefined);
  t.same(loads, [['a', 'b'], ['b'], ['a', 'c']]);
});

t.test('a fault is found again each time', async (t) => {
  const { check, loads } = rig(['b']);
  t.type(await check(agent('a', '1'), agent('b', '1')), 'string');
  t.type(await check(agent('a', '1'), agent('b', '1')), 'string');
  t.same(loads, [['a', 'b'], ['b']]);
});
