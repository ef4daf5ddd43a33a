import { Duplex } from 'node:stream';
import t from 'tap';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import { type ExecDeps, execService } from '../../../../controller/services/commands/exec-service.ts';

t.test('a command that is given up is refused, and its stream is closed', async (t) => {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const deps = {
    view: { get: () => undefined },
    use: { permit: () => accepted({ profile: 'locked' }), shown: () => undefined, open: async () => accepted(stream) },
    budgets: { open: () => ({ add: () => true, release: () => undefined }) },
  };
  const exec = execService(deps as unknown as ExecDeps);
  const giveUp = new AbortController();
  const running = exec.run(
    {} as Caller,
    'a' as Parameters<typeof exec.run>[1],
    { command: 'sleep 9' },
    { standing: 'admin' },
    giveUp.signal,
  );
  setImmediate(() => giveUp.abort());
  const outcome = await running;
  t.match(outcome, { ok: false, refusal: { code: 'UNAVAILABLE', message: /Whether the command ended is not known/ } });
  t.ok(stream.destroyed);
});
