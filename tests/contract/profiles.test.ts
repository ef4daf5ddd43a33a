/** Profiles of sessions: which a space allows, what a workstation gets, and what locked ones refuse. */
import t from 'tap';
import { expect } from '../cluster/rest.ts';
import { person, refusal, space } from './people.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

const create = (t: { teardown(run: () => Promise<unknown>): unknown }, body: object, wait = '') =>
  target.rest.call('POST', `/sessions${wait}`, body).then((made) => {
    if (made.status === 201) t.teardown(() => target.rest.call('DELETE', `/sessions/${(made.body as { id: string }).id}`));
    return made;
  });

async function open(t: Parameters<typeof space>[0], settings: object = { profiles: ['locked', 'workstation'] }) {
  const name = await space(t, target);
  expect(await target.rest.call('PUT', `/spaces/${name}`, { settings }), 200, 'allow workstations');
  return name;
}

const fault = (path: string, message: RegExp) => ({
  status: 422,
  body: { error: { code: 'UNPROCESSABLE_ENTITY', message, details: [{ path }] } },
});

t.test('sessions are locked, and a space allows workstations only by its settings', async (t) => {
  const closed = await space(t, target);
  t.match(await create(t, { space: closed }), { status: 201, body: { profile: 'locked', image: null } });
  t.match(
    await create(t, { space: closed, profile: 'workstation' }),
    fault('profile', /must be locked in the space .* settings\.profiles/),
  );
  t.match(await create(t, { space: closed, profile: 'open' }), { status: 422, body: { error: { details: [{ path: 'profile' }] } } });
  const only = await open(t, { profiles: ['workstation'] });
  t.match(await create(t, { space: only }), fault('profile', /must be workstation/));
});

t.test('a workstation starts on an image that was made for it, larger, and says how it is isolated', async (t) => {
  const name = await open(t);
  const made = await create(t, { space: name, profile: 'workstation' }, '?wait=60s');
  t.match(made, {
    status: 201,
    body: { profile: 'workstation', image: 'raworc/workstation', state: 'idle', isolation: /^(container|user-namespace|gvisor)$/ },
  });
  const { id } = made.body as { id: string };
  t.match(await target.rest.call('GET', `/sessions?space=${name}`), { body: [{ id, profile: 'workstation' }] });
  t.match(await target.rest.call('POST', `/sessions/${id}/messages?wait=20s`, { content: 'hello' }), {
    body: { reply: { metadata: { type: 'error_response', reason: 'no_agent' }, content: /raworc exec/ } },
  });
  const copy = await target.rest.call('POST', `/sessions/${id}/remix?wait=60s`, {});
  t.match(copy, { status: 201, body: { profile: 'workstation', image: 'raworc/workstation' } });
  expect(await target.rest.call('DELETE', `/sessions/${(copy.body as { id: string }).id}`), 204, 'remove the copy');
  const locked = await space(t, target);
  t.match(await target.rest.call('POST', `/sessions/${id}/remix`, { space: locked, data: false }), fault('profile', /must be locked/));
});

t.test('only images that the space allows, and only of workstations', async (t) => {
  const name = await open(t);
  const workstation = { space: name, profile: 'workstation' };
  t.match(await create(t, { ...workstation, image: 'debian:12' }), fault('image', /allows: raworc\/workstation\..*settings\.images/));
  t.match(await create(t, { space: name, image: 'raworc/workstation' }), fault('image', /profile workstation only/));
  t.match(await create(t, { ...workstation, image: '../etc' }), { status: 422 });
  const settings = { profiles: ['workstation'], images: ['debian:12'] };
  expect(await target.rest.call('PUT', `/spaces/${name}`, { settings }), 200, 'allow another image');
  t.match(await create(t, { ...workstation, image: 'debian:12' }), { status: 201, body: { image: 'debian:12' } });
  t.match(await create(t, workstation), fault('image', /allows: debian:12/));
});

t.test('an admin of the space cannot allow more profiles or images', async (t) => {
  const name = await space(t, target);
  const { rest } = await person(t, target, ['admin', name]);
  for (const settings of [{ profiles: ['workstation'] }, { images: ['debian:12'] }])
    t.match(await rest.call('PUT', `/spaces/${name}`, { settings }), refusal(403, 'FORBIDDEN', /spaces:update on all spaces/));
});

t.test('the user of a command can be chosen in workstations only', async (t) => {
  const name = await open(t);
  const locked = (await create(t, { space: name }, '?wait=60s')).body as { id: string };
  const workstation = (await create(t, { space: name, profile: 'workstation' }, '?wait=60s')).body as { id: string };
  const run = (id: string, user: string) => target.rest.call('POST', `/sessions/${id}/exec`, { argv: ['a'], user });
  t.match(await run(locked.id, 'user'), fault('user', /profile workstation only/));
  t.match(await run(workstation.id, 'somebody'), { status: 422, body: { error: { details: [{ path: 'user' }] } } });
  for (const user of ['user', 'root']) t.match(await run(workstation.id, user), { status: 200 });
});
