import t from 'tap';
import type { Rest } from '../cluster/rest.ts';
import { type Operation, readDocument } from './document.ts';
import { faultsOf, faultsOfAny } from './judge.ts';
import { space as newSpace, person } from './people.ts';
import { accessRows } from './rows-access.ts';
import { sessionRows } from './rows-sessions.ts';
import { spaceRows } from './rows-spaces.ts';
import { type Asked, ask, setUp } from './stage.ts';
import { openTarget } from './target.ts';

t.setTimeout(200_000);

const UNKNOWN = '00000000-0000-4000-8000-000000000000';
/** Bodies that every operation with a JSON body must refuse. */
const UNREADABLE: readonly (readonly [status: number, body: string, mediaType: string])[] = [
  [400, '{"name":', 'application/json'],
  [413, JSON.stringify({ name: 'x'.repeat(2 ** 20) }), 'application/json'],
  [415, 'name=x', 'application/x-www-form-urlencoded'],
];

t.test('each operation: a call that works, who is allowed, who is forbidden, and for whom it does not exist', async (t) => {
  const target = await openTarget(t);
  const { url, rest } = target;
  const operations = await readDocument(url);
  const rows = [...accessRows(url), ...spaceRows, ...sessionRows];
  t.same(
    rows.map(({ operation }) => operation).sort(),
    operations.map(({ name }) => name).sort(),
    'every operation of the document has a row',
  );

  const [space, other] = [await newSpace(t, target), await newSpace(t, target)];
  const everywhere = await person(t, target, ['admin', null]);
  const inside = await person(t, target, ['admin', space]);
  const outside = await person(t, target, ['admin', other]);
  const stage = await setUp(t, rest, space, inside);

  /** A key of somebody who may everything, narrowed to these permissions. */
  async function keyOf({ rest }: { rest: Rest }, permissions: readonly string[]): Promise<string> {
    const rules = permissions.map((permission) => {
      const [resource = '', verb = ''] = permission.split(':');
      return { resources: [resource], verbs: [verb] };
    });
    const { body } = await rest.call('POST', '/api-keys', { name: permissions.join(' '), rules });
    return (body as { key: string }).key;
  }
  const [nothingEverywhere, nothingInside] = [await keyOf(everywhere, ['audit:exec']), await keyOf(inside, ['audit:exec'])];

  for (const row of rows) {
    const operation = operations.find(({ name }) => name === row.operation);
    if (operation === undefined) continue;
    await t.test(`${row.operation}: ${row.permission}`, async (t) => {
      const answered = async (token: string | undefined, call: Asked, status: number, who: string) => {
        const got = await ask(url, operation, token, call);
        t.equal(got.status, status, `${who}: ${got.text.slice(0, 200)}`);
        t.same([...faultsOfAny(got, false), ...faultsOf(operation, got)], [], `${who}: by the document`);
        if (got.status === 201) stage.cleanUp(operation.path, got.text);
      };
      const call = await row.call(stage);
      if (row.permission !== 'public') await answered(undefined, call, 401, 'without a token');
      if (row.permission.includes(':')) {
        await answered(row.inSpace ? nothingInside : nothingEverywhere, call, row.without, 'without the permission');
        await answered(outside.token, call, row.outside, 'from another space');
        const key = await keyOf(row.inSpace ? inside : everywhere, row.permission.split(' '));
        await answered(key, await row.call(stage), row.status, 'with the permission alone');
      }
      const admin = call.token ?? everywhere.token;
      for (const [status, body, mediaType] of unreadable(operation)) {
        const { token: _, ...rest } = call;
        await answered(admin, { ...rest, text: { body, mediaType } }, status, `a body that is ${mediaType}`);
      }
      if (operation.answers.has(422) && operation.body?.mediaType === 'application/json') {
        const body = Object.fromEntries(Object.keys(operation.body.schema.properties ?? {}).map((field) => [field, [[]]]));
        await answered(admin, { ...call, body }, 422, 'fields of a wrong type');
      }
      if (operation.query.some(({ name }) => name === 'offset')) {
        for (const query of ['limit=0', 'limit=1001', 'offset=-1', 'limit=1&limit=2', 'order=up'])
          await answered(admin, { ...call, query }, 400, query);
      }
      const last = operation.pathParameters.at(-1);
      if (last !== undefined) await answered(admin, { ...call, place: { ...call.place, [last]: UNKNOWN } }, 404, 'of what is not there');
      await answered(admin, call, row.status, 'as an admin');
    });
  }
});

function unreadable({ body, answers }: Operation): typeof UNREADABLE {
  const takesJson = answers.has(413) && (body === undefined || body.mediaType === 'application/json');
  return takesJson ? UNREADABLE : [];
}
