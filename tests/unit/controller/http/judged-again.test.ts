import t from 'tap';
import { accepted, type Outcome } from '../../../../controller/domain/engine/outcome.ts';
import { SESSION, startRig } from './fakes.ts';

const STALE: Outcome<undefined> = { ok: false, refusal: { code: 'RATE_LIMITED', message: 'Rights changed.', stale: true } };

t.test('a request whose caller’s rights changed before its turn is judged again, ten times at most', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.server.close(0));
  let judged = 0;
  let staleTimes = 0;
  Object.assign(rig.fake.services.sessions, {
    async remove() {
      judged += 1;
      return judged > staleTimes ? accepted(undefined) : STALE;
    },
  });
  const ask = async (times: number) => {
    judged = 0;
    staleTimes = times;
    return (await rig.call(`/sessions/${SESSION}`, { method: 'DELETE' })).status;
  };
  t.same([await ask(0), judged], [204, 1]);
  t.same([await ask(3), judged], [204, 4]);
  t.same([await ask(99), judged], [429, 11]);
});

t.test('and by the rights of then: without its token it is refused', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.server.close(0));
  Object.assign(rig.fake.services.sessions, {
    async remove() {
      rig.fake.version += 1;
      return STALE;
    },
  });
  t.equal((await rig.call(`/sessions/${SESSION}`, { method: 'DELETE' })).status, 401);
});
