import t from 'tap';
import { createSession } from '../../../../controller/domain/sessions/commands/create-session.ts';
import { changeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { ACCOUNT, openCore, SPACE } from '../core.ts';

const MIB = 1024 * 1024;

t.test('maxima that are reduced while a request waits decide about the sizes that it leaves open', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const input = { spaceId: SPACE, name: null, metadata: {}, timeouts: {}, baseImage: 'base', request: undefined };
  const by = { accountId: ACCOUNT, user: 'admin' };
  const id = (number: number) => `00000000-0000-4000-8000-00000000000${number}` as Parameters<typeof createSession>[0]['id'];
  const waiting = (number: number, resources = {}) => core.applier.apply(createSession({ ...input, by, id: id(number), resources }));
  const narrowed = core.applier.apply(changeSpace(SPACE, { settings: { maxima: { memory_bytes: 384 * MIB } } }, true));
  const [open, asked] = await Promise.all([waiting(1), waiting(2, { limits: { memory_bytes: 512 * MIB } })]);
  t.match(await narrowed, { ok: true });
  t.match(open, { ok: true });
  t.match(core.store.view.get('sessions', id(1)), { limits: { memoryBytes: 384 * MIB } });
  t.match(asked, { ok: false, refusal: { code: 'UNPROCESSABLE_ENTITY', message: /resources\.limits\.memory_bytes must be at most/ } });
});
