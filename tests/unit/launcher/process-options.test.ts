import { readFileSync } from 'node:fs';
import t from 'tap';
import { NODE_FLAGS, PROCESS_ENV } from '../../../controller/service/process-options.ts';
import { NODE_FLAGS as NODE_AGENT_FLAGS } from '../../../node-agent/service/process-options.ts';

const launcherOf = (program: string) => readFileSync(new URL(`../../../${program}`, import.meta.url), 'utf8');
const flagsIn = (launcher: string) =>
  /nodeOptions: \[(.*)\]/
    .exec(launcher)?.[1]
    ?.split(', ')
    .map((flag) => flag.slice(1, -1));

t.test('the launcher starts the node agent as its unit does', async (t) => {
  t.same(flagsIn(launcherOf('node-agent/raworc-node-agent.mjs')), NODE_AGENT_FLAGS);
});

t.test('the launcher starts the controller as its unit does', async (t) => {
  const launcher = launcherOf('controller/raworc-controller.mjs');
  t.same(flagsIn(launcher), NODE_FLAGS);
  const env = /env: \{(.*)\}/.exec(launcher)?.[1]?.trim();
  t.equal(
    env,
    Object.entries(PROCESS_ENV)
      .map(([name, value]) => `${name}: '${value}'`)
      .join(', '),
  );
});
