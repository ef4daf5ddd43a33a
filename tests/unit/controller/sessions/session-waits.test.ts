import t from 'tap';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import { type SessionDeps, sessionService } from '../../../../controller/services/sessions/session-service.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { ACCOUNT, NODE, node, openCore } from '../core.ts';

t.test('a request whose caller gets other rights while it waits behind others keeps its place', async (t) => {
  const { applier, store, fleet, close } = await openCore({ nodes: [node(NODE)] });
  t.teardown(close);
  const attempts: string[] = [];
  const sessions = sessionService({
    ...{ applier, view: store.view, fleet, random: systemRandom, baseImage: 'base', placed: () => undefined, rebuild: () => false },
    // Its turn comes after those ahead of it.
    waits: { run: (request: { attempt(): Promise<unknown> }) => request.attempt() },
  } as unknown as SessionDeps);
  const callerWith = (rights: string, isCurrent: boolean, now?: Caller): Caller => {
    const allows = () => {
      attempts.push(rights);
      return true;
    };
    const permissions = { knows: () => true, allows } as unknown as Caller['permissions'];
    const caller: Caller = { accountId: ACCOUNT, user: 'ann', permissions, isCurrent: () => isCurrent, now: () => now ?? caller };
    return caller;
  };
  const caller = callerWith('old', false, callerWith('new', true));
  const created = await sessions.create(caller, {}, undefined, new AbortController().signal);
  t.match(created, { ok: true, value: { node: NODE } });
  t.same(attempts, ['old', 'new']);
});
