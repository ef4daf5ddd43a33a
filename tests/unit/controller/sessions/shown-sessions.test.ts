import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { type MissingImage, NONE_MISSING } from '../../../../controller/domain/images/missing-images.ts';
import { excuseNodes, nodeUnreachable } from '../../../../controller/domain/nodes/commands/node-absence.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { updateSession } from '../../../../controller/domain/sessions/commands/update-session.ts';
import { sessionObject } from '../../../../controller/domain/sessions/session-object.ts';
import { ShownSessions } from '../../../../controller/services/sessions/shown-sessions.ts';
import { NODE, newSession, OTHER_NODE, openCore, seeded } from '../core.ts';
import { countedView } from '../engine/counted-view.ts';
import { joins } from '../fleet/world.ts';

const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as SessionId;

async function open(t: Test, maxKept?: number, missing = NONE_MISSING) {
  const core = await openCore();
  t.teardown(() => core.close());
  const { view, countReads } = countedView(core.store.view);
  const shown = new ShownSessions(view, missing, maxKept);
  core.applier.onCommitted((committed) => shown.committed(committed));
  /** How many reads of the store it took to show it. */
  const readsFor = (id: SessionId) => countReads(() => shown.get(id))[1];
  return { core, shown, readsFor, apply: core.applier.apply.bind(core.applier) };
}

t.test('a session is read once, and again after each commit that changes it', async (t) => {
  const { shown, readsFor, apply } = await open(t);
  for (const number of [1, 2]) await apply(newSession({ id: idOf(number) }));
  t.not(readsFor(idOf(1)), 0);
  t.not(readsFor(idOf(2)), 0);
  t.equal(readsFor(idOf(1)), 0);
  await apply(updateSession(idOf(1), { name: 'another' }));
  t.equal(readsFor(idOf(2)), 0, 'of the other nothing was forgotten');
  t.not(readsFor(idOf(1)), 0);
  t.match(JSON.parse(shown.get(idOf(1))?.json.text ?? ''), { name: 'another' });
  await apply(removeSession(idOf(1), 'deleted'));
  t.equal(shown.get(idOf(1)), undefined);
  t.equal(shown.get(idOf(3)), undefined, 'one that never was');
});

t.test('whatever is committed, what is shown is what the store says', async (t) => {
  const { core, shown, apply } = await open(t);
  const random = seeded(7);
  const among = (count: number) => Math.floor(random() * count);
  const COUNT = 12;
  const expected = (id: SessionId) => {
    const row = core.store.view.get('sessions', id);
    return row === undefined || row.desired === 'deleted' ? undefined : JSON.stringify(sessionObject(core.store.view, row));
  };
  // Also to those who are told of the commit next.
  const wrong: SessionId[] = [];
  core.applier.onCommitted(({ mutations }) => {
    for (const mutation of mutations)
      if (mutation.kind === 'put' && mutation.table === 'sessions')
        if (shown.get(mutation.row.id)?.json.text !== expected(mutation.row.id)) wrong.push(mutation.row.id);
  });
  let changes = 0;
  for (let step = 0; step < 600; step += 1) {
    const id = idOf(among(COUNT));
    const commands = [
      () => newSession({ id: idOf(among(COUNT)), name: `of step ${step}` }),
      () => updateSession(id, { metadata: { step } }),
      () => changeDesired(id, 'suspend', 0),
      () => changeDesired(id, 'resume', 0),
      () => changeDesired(id, 'pause', 0),
      () => (random() < 0.1 ? removeSession(id, 'deleted') : updateSession(id, { name: `at ${step}` })),
    ];
    // One that is there already is refused by the store, and nothing of it is kept.
    const before = expected(id);
    await apply(commands[among(commands.length)]?.() as ReturnType<typeof newSession>).catch(() => undefined);
    if (expected(id) !== before) changes += 1;
    for (const seen of [id, idOf(among(COUNT))]) if (shown.get(seen)?.json.text !== expected(seen)) t.fail(`${seen} at step ${step}`);
  }
  t.same(wrong, []);
  t.ok(changes > 100, `${changes} changes`);
});

t.test('no more than so much is kept: the oldest goes first', async (t) => {
  const { shown, readsFor, apply } = await open(t, 1100);
  for (const number of [1, 2, 3]) await apply(newSession({ id: idOf(number) }));
  const length = shown.get(idOf(1))?.json.text.length ?? 0;
  t.ok(length * 2 < 1100 && length * 3 > 1100, `two fit: ${length}`);
  shown.get(idOf(2));
  shown.get(idOf(3));
  t.equal(readsFor(idOf(2)), 0);
  t.equal(readsFor(idOf(3)), 0);
  t.not(readsFor(idOf(1)), 0);
  t.not(readsFor(idOf(2)), 0, 'which went for it');
});

t.test('a session says that its node is away, and that it is back', async (t) => {
  const { core, shown, readsFor, apply } = await open(t);
  for (const id of [NODE, OTHER_NODE]) await joins(core, id);
  await apply(newSession({ id: idOf(1) }));
  await apply(newSession({ id: idOf(2) }));
  const reason = (id: SessionId) => JSON.parse(shown.get(id)?.json.text ?? '{}').waiting_reason;
  const own = core.store.view.get('sessions', idOf(1))?.nodeId;
  const other = core.store.view.get('sessions', idOf(2))?.nodeId;
  if (!own || !other || own === other) throw new Error('the sessions are not on two nodes');
  t.equal(reason(idOf(1)), null);
  t.equal(reason(idOf(2)), null);
  await apply(nodeUnreachable(own, true));
  t.match(reason(idOf(1)), new RegExp(`node ${own} is unreachable`));
  t.equal(readsFor(idOf(2)), 0, 'of sessions elsewhere nothing was forgotten');
  await apply(excuseNodes(1000));
  t.equal(readsFor(idOf(1)), 0, 'the reason is the same');
  await apply(nodeUnreachable(other, true));
  await apply({
    name: 'test-return',
    decide({ view }) {
      const away = view.nodes().filter(({ unreachableSince }) => unreachableSince !== null);
      return { mutations: away.map((row) => put('nodes', { ...row, unreachableSince: null })), events: [], result: undefined };
    },
  });
  t.equal(reason(idOf(1)), null);
  t.equal(reason(idOf(2)), null, 'also if several nodes return at once');
});

t.test('a session says which image its node lacks, since when and why, until it is there', async (t) => {
  let wait: MissingImage | undefined;
  const { core, shown, readsFor, apply } = await open(t, undefined, { of: () => wait });
  for (const id of [NODE, OTHER_NODE]) await joins(core, id);
  await apply(newSession({ id: idOf(1) }));
  const reason = () => JSON.parse(shown.get(idOf(1))?.json.text ?? '{}').waiting_reason;
  const node = core.store.view.get('sessions', idOf(1))?.nodeId;
  t.equal(reason(), null);
  wait = { since: Date.UTC(2026, 0, 2) };
  t.equal(
    reason(),
    `The node ${node} lacks the image base since 2026-01-02T00:00:00.000Z. It is brought there; messages are accepted, and wait.`,
  );
  t.equal(readsFor(idOf(1)), 0, 'it is read once for each change');
  wait = { ...wait, failure: 'the line was cut' };
  t.match(reason(), /The last attempt failed: the line was cut$/);
  wait = undefined;
  t.equal(reason(), null);
});
