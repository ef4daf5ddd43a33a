import { readFileSync } from 'node:fs';
import t from 'tap';
import { NODE_FLAGS, PROCESS_ENV } from '../../../controller/service/process-options.ts';

t.test('the launcher starts the controller as its unit does', async (t) => {
  const launcher = readFileSync(new URL('../../../controller/raworc-controller.mjs', import.meta.url), 'utf8');
  const flags = /nodeOptions: \[(.*)\]/
    .exec(launcher)?.[1]
    ?.split(', ')
    .map((flag) => flag.slice(1, -1));
  t.same(flags, NODE_FLAGS);
  const env = /env: \{(.*)\}/.exec(launcher)?.[1]?.trim();
  t.equal(
    env,
    Object.entries(PROCESS_ENV)
      .map(([name, value]) => `${name}: '${value}'`)
      .join(', '),
  );
});
