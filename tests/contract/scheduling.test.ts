/** Rules about nodes, of sessions and of spaces. */
import t from 'tap';
import { space as newSpace, person } from './people.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

const ZONE_A = { label: 'zone', operator: 'in', values: ['a'] };
const ZONE_B = { label: 'zone', operator: 'in', values: ['b'] };

async function created(body: object): Promise<{ readonly status: number; readonly body: unknown }> {
  const made = await target.rest.call('POST', '/sessions', body);
  if (made.status === 201) t.teardown(() => target.rest.call('DELETE', `/sessions/${(made.body as { id: string }).id}`));
  return made;
}

t.test('a session is placed where its constraints and those of its space hold; a refusal says which does not', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const label = async (labels: object) => t.match(await rest.call('PUT', '/nodes/hollow', { labels }), { status: 200 });
  const space = await newSpace(t, target);
  await label({ zone: 'a' });
  const made = await created({ space, constraints: [ZONE_A], preferences: [{ ...ZONE_B, weight: 10 }] });
  t.match(made, { status: 201, body: { constraints: [ZONE_A], preferences: [{ ...ZONE_B, weight: 10 }] } });
  const { id } = made.body as { id: string };
  const elsewhere = (reason: string) => ({
    status: 503,
    body: { error: { code: 'UNAVAILABLE', details: { nodes: [{ node: 'hollow', filter: 'constraints', reason }], nodes_omitted: 0 } } },
  });
  t.match(await created({ space, constraints: [ZONE_B] }), elsewhere('has zone=a, but the session requires zone=b'));

  await label({ zone: 'b' });
  t.match(await rest.call('POST', `/sessions/${id}/suspend?force=true`), { status: 200 });
  t.match(await rest.call('POST', `/sessions/${id}/resume?wait=30s`), { status: 200, body: { state: 'idle' } }, 'it is not placed anew');
  const remix = (body: object) => rest.call('POST', `/sessions/${id}/remix`, { data: false, ...body });
  t.match(await remix({}), elsewhere('has zone=b, but the session requires zone=a'));
  const copy = await remix({ constraints: [ZONE_B] });
  t.match(copy, { status: 201, body: { constraints: [ZONE_B], preferences: [{ ...ZONE_B, weight: 10 }] } });
  await rest.call('DELETE', `/sessions/${(copy.body as { id: string }).id}`);

  t.match(await rest.call('PUT', `/spaces/${space}`, { settings: { scheduling: { constraints: [ZONE_A] } } }), { status: 200 });
  t.match(await created({ space, constraints: [ZONE_B] }), elsewhere("does not meet scheduling.constraints[0] of the space's settings"));
  const ann = await person(t, target, ['developer', space]);
  const refused = await ann.rest.call('POST', '/sessions', { space });
  t.match(refused, { status: 503, body: { error: { message: /^No node has room/ } } });
  t.notMatch(JSON.stringify(refused.body), /hollow|zone|constraints/, 'without nodes:list, it says nothing about nodes and settings');
  await label({});
});

t.test('one session of a space per node, suspended ones too', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const space = await newSpace(t, target);
  t.match(await rest.call('PUT', `/spaces/${space}`, { settings: { scheduling: { anti_affinity: 'required', strategy: 'pack' } } }), {
    status: 200,
  });
  const first = await created({ space });
  t.match(first, { status: 201 });
  const path = `/sessions/${(first.body as { id: string }).id}`;
  const second = { status: 503, body: { error: { details: { nodes_by_filter: { 'anti-affinity': 1 } } } } };
  t.match(await created({ space }), second);
  await rest.call('POST', `${path}/suspend?force=true`);
  t.match(await created({ space }), second);
  t.match(await created({}), { status: 201 }, 'another space');
  await rest.call('DELETE', path);
  t.match(await created({ space }), { status: 201 });
});

t.test('with ?wait, a request waits for room, and gets what it would have got when the time is up', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const space = await newSpace(t, target);
  const [first, second] = [await created({ space }), await created({ space })];
  // One session per node: anything that frees the node's place makes room.
  t.match(await rest.call('PUT', `/spaces/${space}`, { settings: { scheduling: { anti_affinity: 'required' } } }), { status: 200 });
  const late = await rest.call('POST', '/sessions?wait=200ms', { space });
  t.match(late, { status: 503, body: { error: { details: { nodes: [{ filter: 'anti-affinity' }] } } } });
  t.equal(late.headers.get('x-raworc-wait'), 'timeout');
  const waiting = rest.call('POST', '/sessions?wait=60s', { space, name: 'patient' });
  for (const { body } of [first, second]) await rest.call('DELETE', `/sessions/${(body as { id: string }).id}`);
  const placed = await waiting;
  t.match(placed, { status: 201, body: { state: 'idle', name: 'patient' } });
  const blocked = rest.call('POST', '/sessions?wait=60s', { space });
  t.match(await rest.call('PUT', `/spaces/${space}`, { settings: { scheduling: {} } }), {
    status: 200,
    body: { settings: { scheduling: {} } },
  });
  t.match(await blocked, { status: 201 }, 'changed settings wake it too');
  const impossible = { space, constraints: [{ label: 'no-such-label', operator: 'exists' }] };
  t.match(await rest.call('POST', '/sessions?wait=60s', impossible), { status: 503 }, 'at once');
  const ann = await person(t, target, ['viewer', space]);
  t.match(await ann.rest.call('POST', '/sessions?wait=60s', { space }), { status: 403 });
  for (const one of (await rest.call('GET', `/sessions?space=${space}`)).body as { id: string }[])
    await rest.call('DELETE', `/sessions/${one.id}`);
});

t.test('a remix and a resume wait for room too, and a request without wait takes none that an earlier one waits for', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const [space, other] = [await newSpace(t, target), await newSpace(t, target)];
  const idOf = ({ body }: { readonly body: unknown }) => (body as { readonly id: string }).id;
  const parent = idOf(await created({ space }));
  t.match(await rest.call('POST', '/nodes/hollow/cordon'), { status: 200 });
  const remix = (wait: string) => rest.call('POST', `/sessions/${parent}/remix${wait}`, { data: false });
  t.match(await remix(''), { status: 503 });
  const copy = remix('?wait=60s');
  t.match(await rest.call('POST', '/nodes/hollow/uncordon'), { status: 200 });
  const copied = await copy;
  t.match(copied, { status: 201, body: { state: 'idle', parent_session_id: parent } });
  await rest.call('DELETE', `/sessions/${idOf(copied)}`);

  t.match(await rest.call('POST', '/nodes/hollow/drain', { deadline_s: 1 }), { status: 200 });
  const resume = (wait: string) => rest.call('POST', `/sessions/${parent}/resume${wait}`);
  await rest.call('POST', `/sessions/${parent}/suspend?force=true`);
  const refused = { status: 503, body: { error: { message: /is being drained/ } } };
  t.match(await resume(''), refused);
  t.match(await resume('?wait=200ms'), refused, 'as without it when the time is up');
  const resumed = resume('?wait=60s');
  t.match(await rest.call('POST', '/nodes/hollow/uncordon'), { status: 200 });
  t.match(await resumed, { status: 200, body: { state: 'idle' } });

  const node = (await rest.call('GET', '/nodes/hollow')).body as { capacity: { memory_bytes: number } };
  const resources = { requests: { memory_bytes: node.capacity.memory_bytes }, limits: { memory_bytes: node.capacity.memory_bytes } };
  const large = rest.call('POST', '/sessions?wait=60s', { space, resources });
  let small = await created({ space });
  for (; small.status === 201; small = await created({ space })) await rest.call('DELETE', `/sessions/${idOf(small)}`);
  t.match(small, { status: 503, body: { error: { details: { nodes: [{ filter: 'queue' }] } } } });
  const elsewhere = await created({ space: other });
  t.match(elsewhere, { status: 201 }, 'another space goes on');
  await rest.call('DELETE', `/sessions/${idOf(elsewhere)}`);
  await rest.call('DELETE', `/sessions/${parent}`);
  t.match(await large, { status: 201 });
  await rest.call('DELETE', `/sessions/${idOf(await large)}`);
});

t.test('rules are checked', async (t) => {
  const { rest } = target;
  const table: readonly (readonly [field: string, value: unknown, path: string, problem: RegExp])[] = [
    ['constraints', 'zone=a', 'constraints', /must be an array/],
    ['constraints', [{ operator: 'exists' }], 'constraints.0.label', /is missing/],
    ['constraints', [{ label: '-', operator: 'exists' }], 'constraints.0.label', /must have 1 to 63/],
    ['constraints', [{ label: 'zone', operator: 'equals' }], 'constraints.0.operator', /must be one of in, not_in/],
    ['constraints', [{ label: 'zone', operator: 'in' }], 'constraints.0.values', /is missing/],
    ['constraints', [{ label: 'zone', operator: 'in', values: [] }], 'constraints.0.values', /at least 1/],
    ['constraints', [{ ...ZONE_A, values: Array(17).fill('a') }], 'constraints.0.values', /at most 16 values/],
    ['constraints', [{ ...ZONE_A, operator: 'exists' }], 'constraints.0.values', /only for the operators in and not_in/],
    ['constraints', Array(17).fill(ZONE_A), 'constraints', /at most 16 rules/],
    ['constraints', Array(16).fill({ ...ZONE_A, values: Array(16).fill('a'.repeat(63)) }), 'constraints', /at most 4096 characters/],
    ['preferences', [{ ...ZONE_A, weight: 0 }], 'preferences.0.weight', /at least 1/],
    ['preferences', [{ ...ZONE_A, weight: 101 }], 'preferences.0.weight', /at most 100/],
  ];
  const fault = (path: string, problem: RegExp) => ({ status: 422, body: { error: { details: [{ path, problem }] } } });
  for (const [field, value, path, problem] of table)
    t.match(await created({ [field]: value }), fault(path, problem), JSON.stringify(value).slice(0, 80));
  const space = await newSpace(t, target);
  const put = (scheduling: object) => rest.call('PUT', `/spaces/${space}`, { settings: { scheduling } });
  t.match(await put({ constraints: [{ label: 'zone', operator: 'in' }] }), fault('settings.scheduling.constraints.0.values', /is missing/));
  t.match(await put({ strategy: 'random' }), fault('settings.scheduling.strategy', /must be one of spread, pack/));
  t.match(await put({ anti_affinity: true }), fault('settings.scheduling.anti_affinity', /must be one of none, preferred, required/));
});
