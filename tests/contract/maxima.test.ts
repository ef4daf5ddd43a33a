/** Maxima of sessions, and who can change those of a space. */
import t from 'tap';
import { person, refusal, space, unique } from './people.ts';
import { openTarget, type Target } from './target.ts';

const MIB = 1024 * 1024;
let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

const fault = (path: string, problem: RegExp) => ({
  status: 422,
  body: { error: { code: 'UNPROCESSABLE_ENTITY', details: [{ path, problem }] } },
});

async function sized(t: { teardown(run: () => Promise<unknown>): unknown }, name: string, resources?: object) {
  const made = await target.rest.call('POST', '/sessions', { space: name, ...(resources === undefined ? {} : { resources }) });
  if (made.status === 201) t.teardown(() => target.rest.call('DELETE', `/sessions/${(made.body as { id: string }).id}`));
  return made;
}

t.test('limits above the maxima of the cluster are refused, however little is requested', async (t) => {
  const name = await space(t, target);
  const requests = { cpu: 0.01, memory_bytes: 1 };
  const table: readonly (readonly [resources: object, path: string, problem: RegExp])[] = [
    [{ requests, limits: { memory_bytes: 2 ** 50 } }, 'resources.limits.memory_bytes', /at most 274877906944/],
    [{ limits: { cpu: 1024 } }, 'resources.limits.cpu', /at most 64/],
    [{ limits: { processes: 65_536 } }, 'resources.limits.processes', /at most 4096/],
    [{ limits: { disk_bytes: 2 ** 50 } }, 'resources.limits.disk_bytes', /at most/],
    [{ requests: { memory_bytes: 2 ** 40 } }, 'resources.requests.memory_bytes', /at most/],
    [{ requests, limits: { memory_bytes: 1024 * MIB } }, 'resources.requests.memory_bytes', /at least 10737419: .* 100 times/],
    [{ requests: { cpu: 0.001 }, limits: { cpu: 1 } }, 'resources.requests.cpu', /at least 0.01/],
    [{ requests: { memory_bytes: 1 } }, 'resources.requests.memory_bytes', /at least 503317: its limit is 50331648/],
  ];
  for (const [resources, path, problem] of table) t.match(await sized(t, name, resources), fault(path, problem), JSON.stringify(resources));
  t.match(await target.rest.call('GET', `/sessions?space=${name}`), { body: [] }, 'none was made');
  const fair = { requests: { cpu: 0.01, memory_bytes: 16 * MIB }, limits: { cpu: 1, memory_bytes: 1024 * MIB, processes: 1024 } };
  t.match(await sized(t, name, fair), { status: 201 });
  t.match(await sized(t, name, { limits: { memory_bytes: 1024 * MIB } }), { status: 201 });
});

t.test('a space has its own maxima, which bound its defaults and its sessions', async (t) => {
  const { rest } = target;
  const name = await space(t, target);
  const put = (settings: object) => rest.call('PUT', `/spaces/${name}`, { settings });
  t.match(await put({ maxima: { memory_bytes: 2 ** 49 } }), fault('settings.maxima.memory_bytes', /at most 274877906944/));
  const maxima = { memory_bytes: 256 * MIB, processes: 100, cpu: 0.25 };
  const over = { resources: { limits: { memory_bytes: 512 * MIB } }, maxima };
  t.match(await put(over), fault('settings.resources.limits.memory_bytes', /at most 268435456/));
  t.match(await put({ maxima }), { status: 200, body: { settings: { maxima } } });
  t.match(await sized(t, name, { limits: { processes: 101 } }), fault('resources.limits.processes', /at most 100/));
  t.match(await sized(t, name, { limits: { processes: 100 } }), { status: 201 });
  t.match(await sized(t, name), { status: 201 }, 'defaults are lowered to them');
});

t.test('a session above a lowered maximum continues, and its next start has less', async (t) => {
  const { rest } = target;
  const name = await space(t, target);
  const resources = { limits: { memory_bytes: 1024 * MIB } };
  const { id } = await rest.createSession({ space: name, resources });
  t.teardown(() => rest.call('DELETE', `/sessions/${id}`));
  t.match(await rest.call('PUT', `/spaces/${name}`, { settings: { maxima: { memory_bytes: 256 * MIB } } }), { status: 200 });
  t.match(await rest.call('GET', `/sessions/${id}`), { body: { state: 'idle' } });
  const events = await rest.watch(`/sessions/${id}/events`);
  t.teardown(() => events.close());
  for (const action of ['pause', 'resume', 'suspend', 'resume'])
    t.match(await rest.call('POST', `/sessions/${id}/${action}`), { status: 200 });
  const lowered = await events.until('lower limits', ({ type }) => type === 'session.limits_lowered');
  t.match(lowered.data, { limits: { before: { memory_bytes: 1024 * MIB }, after: { memory_bytes: 256 * MIB } } });
  const before = events.events.slice(0, events.events.indexOf(lowered)).map(({ data }) => data.state);
  t.ok(before.includes('suspended'), 'a paused one keeps its container, and its limits with it');
});

t.test('a remix cannot exceed the maxima of its space', async (t) => {
  const { rest } = target;
  const [wide, narrow] = [await space(t, target), await space(t, target)];
  const maxima = { memory_bytes: 256 * MIB, disk_bytes: 64 * MIB };
  t.match(await rest.call('PUT', `/spaces/${narrow}`, { settings: { maxima } }), { status: 200 });
  const { id } = (await sized(t, wide, { limits: { memory_bytes: 1024 * MIB } })).body as { id: string };
  const remix = async (into: string, data: boolean) => {
    const made = await rest.call('POST', `/sessions/${id}/remix`, { space: into, data });
    if (made.status === 201) t.teardown(() => rest.call('DELETE', `/sessions/${(made.body as { id: string }).id}`));
    return made;
  };
  t.match(await remix(narrow, true), refusal(409, 'CONFLICT', /at most 67108864.*data=false/));
  t.match(await remix(narrow, false), { status: 201 });
  t.match(await remix(wide, true), { status: 201 });
});

t.test('an admin of one space cannot change its bounds', async (t) => {
  const { rest } = target;
  const name = await space(t, target);
  const bounds = { quotas: { sessions: 2, memory_bytes: 256 * MIB }, maxima: { memory_bytes: 256 * MIB } };
  t.match(await rest.call('PUT', `/spaces/${name}`, { settings: { ...bounds, colour: 'red' } }), { status: 200 });
  const admin = (await person(t, target, ['admin', name])).rest;
  const put = (settings: object) => admin.call('PUT', `/spaces/${name}`, { settings });
  const attacks: readonly (readonly [settings: object, bound: RegExp])[] = [
    [{ ...bounds, quotas: { sessions: 1000 } }, /settings\.quotas needs .*spaces:update on all spaces/],
    [{ ...bounds, quotas: { ...bounds.quotas, cpu: 1 } }, /settings\.quotas/],
    [{ ...bounds, maxima: {} }, /settings\.maxima/],
    [{ colour: 'blue' }, /settings\.quotas/],
    [{ quotas: bounds.quotas }, /settings\.maxima/],
    [{ quotas: null, maxima: bounds.maxima }, /settings\.quotas/],
  ];
  for (const [settings, bound] of attacks) t.match(await put(settings), refusal(403, 'FORBIDDEN', bound), JSON.stringify(settings));
  t.match(await rest.call('GET', `/spaces/${name}`), { body: { settings: { ...bounds, colour: 'red' } } }, 'nothing was changed');
  const kept = { ...bounds, colour: 'blue', timeouts: { ttl_s: 60 } };
  t.match(await put(kept), { status: 200, body: { settings: kept } }, 'everything else is theirs');
  t.match(await admin.call('PUT', `/spaces/${name}`, { description: 'ours' }), { status: 200, body: { settings: kept } });

  const free = await space(t, target);
  const other = (await person(t, target, ['admin', free])).rest;
  t.match(await other.call('PUT', `/spaces/${free}`, { settings: { colour: 'red', quotas: {} } }), { status: 200 });
  t.match(
    await other.call('PUT', `/spaces/${free}`, { settings: { maxima: { cpu: 1 } } }),
    refusal(403, 'FORBIDDEN', /leave out settings\.maxima/),
    'nor binds it themselves',
  );
  const everywhere = (await person(t, target, ['admin', null])).rest;
  t.match(await everywhere.call('PUT', `/spaces/${name}`, { settings: { quotas: { sessions: 5 } } }), { status: 200 });
  t.match(
    await everywhere.call('POST', '/spaces', { name: unique('x'), settings: bounds }).then(async (made) => {
      await rest.call('DELETE', `/spaces/${(made.body as { name: string }).name}`);
      return made;
    }),
    { status: 201 },
  );
});

t.test('unanswered messages count towards the storage quota of a space', async (t) => {
  const { rest } = target;
  const name = await space(t, target);
  const { id } = (await sized(t, name, { limits: { disk_bytes: 8 * MIB } })).body as { id: string };
  const quotas = { storage_bytes: 8 * MIB + 200_000 };
  t.match(await rest.call('PUT', `/spaces/${name}`, { settings: { quotas } }), { status: 200 });
  const note = () => rest.call('POST', `/sessions/${id}/messages`, { content: 'x'.repeat(40_000), role: 'system' });
  for (let at = 0; at < 2; at += 1) t.match(await note(), { status: 201 });
  const details = { quota: 'storage_bytes', allowed: quotas.storage_bytes, asked: 40_002 };
  t.match(await note(), { status: 409, body: { error: { code: 'CONFLICT', message: /clear messages/, details } } });
  const more = await sized(t, name, { limits: { disk_bytes: 8 * MIB } });
  t.match(more, { status: 409, body: { error: { details: { quota: 'storage_bytes', asked: 8 * MIB } } } });
  t.equal((await rest.call('DELETE', `/sessions/${id}/messages`)).status, 204);
  t.match(await note(), { status: 201 }, 'what was cleared makes room');
  const again = await Promise.all([note(), note(), note(), note()]);
  t.ok(
    again.some(({ status }) => status === 409),
    'but its events are kept, and count',
  );
});
