import { Duplex } from 'node:stream';
import t from 'tap';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
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

t.test('output that is read as it comes has a larger window than output that is kept until the end', async (t) => {
  const windows: unknown[] = [];
  const deps = {
    view: { get: () => undefined },
    use: {
      permit: () => accepted({ profile: 'locked' }),
      shown: () => undefined,
      open: async (_caller: unknown, _id: unknown, { stream }: { stream(up: object): { window?: number } }) => {
        windows.push(stream({}).window);
        return refused('UNAVAILABLE', 'Not in this test.');
      },
    },
    budgets: { open: () => ({ add: () => true, release: () => undefined }) },
  };
  const exec = execService(deps as unknown as ExecDeps);
  const of = [{} as Caller, 'a' as Parameters<typeof exec.run>[1], { command: 'true' }, { standing: 'admin' }] as const;
  const { signal } = new AbortController();
  await exec.start(...of, signal);
  await exec.run(...of, signal);
  t.same(windows, [2 * 1024 * 1024, 1024 * 1024]);
});
