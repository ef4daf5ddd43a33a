import t, { type Test } from 'tap';
import { z } from 'zod';
import { expect, type Rest } from '../cluster/rest.ts';
import { type Operation, readDocument } from './document.ts';
import { faultsOf, faultsOfAny } from './judge.ts';
import { space as newSpace, person } from './people.ts';
import type { Call } from './rows.ts';
import { conflicts, type FullStage, NOT_BY_A_CLIENT, type RefusalStage, withoutRoom } from './rows-refusals.ts';
import { ask, setUp } from './stage.ts';
import { openTarget } from './target.ts';

t.setTimeout(200_000);

t.test('each documented 409 and 503', async (t) => {
  const target = await openTarget(t);
  const { url, rest } = target;
  const operations = await readDocument(url);
  const documented = operations.flatMap(({ name, answers }) =>
    [...answers.keys()].filter((status) => status === 409 || status === 503).map((status) => `${name}: ${status}`),
  );
  const rows = [
    ...conflicts.map(({ operation, status }) => `${operation}: ${status}`),
    ...withoutRoom.map(([operation]) => `${operation}: 503`),
    ...Object.keys(NOT_BY_A_CLIENT),
  ];
  t.same(rows.toSorted(), documented.toSorted(), 'every one has a row, or a reason why it has none');

  const space = await newSpace(t, target);
  const everywhere = await person(t, target, ['admin', null]);
  const refused = async (t: Test, name: string, status: number, call: Call) => {
    const operation: Operation | undefined = operations.find((one) => one.name === name);
    if (operation === undefined) return;
    const got = await ask(url, operation, everywhere.token, call);
    t.equal(got.status, status, got.text.slice(0, 200));
    t.same([...faultsOfAny(got, false), ...faultsOf(operation, got)], [], 'by the document');
  };

  const stage: RefusalStage = {
    ...(await setUp(t, rest, space, await person(t, target, ['admin', space]))),
    everywhere,
    closed: await closedSpace(t, rest, await newSpace(t, target)),
  };
  for (const { operation, status, why, call } of conflicts)
    await t.test(`${operation}: ${status}, ${why}`, async (t) => refused(t, operation, status, await call(stage)));

  const full = await fullNodes(t, rest);
  for (const [operation, call] of withoutRoom)
    await t.test(`${operation}: 503, no node has room`, (t) => refused(t, operation, 503, call(full)));

  const developer = await person(t, target, ['developer', 'default']);
  const names = (await rest.nodes()).map(({ name }) => name);
  for (const [operation, call] of withoutRoom)
    await t.test(`${operation}: 503 names no node to a caller without nodes:list`, async (t) => {
      const asked = operations.find(({ name }) => name === operation);
      if (asked === undefined) return t.fail('there is no such operation');
      const [told, untold] = [await ask(url, asked, everywhere.token, call(full)), await ask(url, asked, developer.token, call(full))];
      t.same([told.status, untold.status], [503, 503]);
      t.ok(
        names.some((name) => told.text.includes(name)),
        'the operator reads which',
      );
      for (const name of names) t.notMatch(untold.text, name);
      t.notMatch(untold.text, /nodes"| MiB of | CPU of /);
    });
});

async function closedSpace(t: Test, rest: Rest, space: string): Promise<RefusalStage['closed']> {
  const [up, resting] = [await made(t, rest, { space }), await made(t, rest, { space })];
  expect(await rest.call('POST', `/sessions/${resting}/suspend?force=true`), 200, 'suspend');
  expect(await rest.call('PUT', `/spaces/${space}`, { active: false }), 200, 'switch off');
  return { space, up, resting };
}

const capacityShape = z.object({ memory_bytes: z.number() });

/**
 * Fills the nodes with sessions that take more than half of a node each. No other session can be
 * that large.
 */
async function fullNodes(t: Test, rest: Rest): Promise<FullStage> {
  const largest = Math.max(...(await rest.nodes()).map(({ capacity }) => capacityShape.parse(capacity).memory_bytes));
  const size = { resources: { requests: { memory_bytes: Math.floor(largest * 0.6) } } };
  const resting = await made(t, rest, size);
  expect(await rest.call('POST', `/sessions/${resting}/suspend?force=true`), 200, 'suspend');
  for (let up = await made(t, rest, size); ; ) {
    const next = await rest.call('POST', '/sessions', size);
    if (next.status === 503) return { size, up, resting };
    up = gone(t, rest, expect(next, 201, 'make a session'));
  }
}

const made = async (t: Test, rest: Rest, body: object): Promise<string> =>
  gone(t, rest, expect(await rest.call('POST', '/sessions', body), 201, 'make a session'));

/** Returns its id. Deletes it at the end of the test. */
function gone(t: Test, rest: Rest, body: unknown): string {
  const { id } = body as { id: string };
  t.teardown(() => rest.removeSession(id));
  return id;
}
