import { PassThrough } from 'node:stream';
import t from 'tap';
import type { AgentRow } from '../../../../controller/domain/agents/rows.ts';
import type { AccountId, AgentId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { Budgets } from '../../../../controller/services/budget/budgets.ts';
import type { LineWatcher } from '../../../../controller/services/events/watching.ts';
import type { LogScope } from '../../../../controller/services/logs/log-scope.ts';
import { type LogDeps, logService } from '../../../../controller/services/logs/log-service.ts';
import type { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import { encodeLogged, type StreamedLine } from '../../../../proto/streams/log-stream.ts';
import { systemClock } from '../../../../seams/system.ts';
import { SPACE, silent } from '../core.ts';

/** A byte stream that brings these lines and ends. */
function streamOf(...lines: StreamedLine[]) {
  const stream = new PassThrough();
  stream.end(lines.map(encodeLogged).join(''));
  return accepted(stream as unknown as ByteStream);
}
const noFeeds = { watch: () => ({ close: () => undefined }), ready: async () => undefined };

const agent = { id: 'agent' as AgentId, spaceId: SPACE, name: 'echo', state: 'active' } as unknown as AgentRow;
const session = (id: string) => ({ id, spaceId: SPACE, agents: [agent], desired: 'running', phase: 'running' }) as unknown as SessionRow;

t.test('however many follow a log, few read it at once, few of each account, and each has its turn', async (t) => {
  const atWork = new Map<string, number>();
  const most = { all: 0, ofOne: 0 };
  const ends: (() => void)[] = [];
  const logs = logService({
    view: { get: (_table: string, id: string) => session(id) } as unknown as View,
    lists: {} as LogDeps['lists'],
    streams: {
      start: ({ id }) => {
        const account = id.slice(0, 1);
        atWork.set(account, (atWork.get(account) ?? 0) + 1);
        most.all = Math.max(
          most.all,
          [...atWork.values()].reduce((sum, count) => sum + count),
        );
        most.ofOne = Math.max(most.ofOne, atWork.get(account) ?? 0);
        return new Promise((resolve) => {
          ends.push(() => {
            atWork.set(account, (atWork.get(account) ?? 0) - 1);
            resolve(streamOf({ runId: 'r', stream: 'stdout', line: `of ${id}`, atMs: 1, dropped: 0 }));
          });
        });
      },
    },
    feeds: noFeeds,
    clock: systemClock,
    log: silent,
    budgets: new Budgets({ clock: systemClock }),
  });
  const shown = new Set<string>();
  const watcher = { log: ({ line }: { line: string }) => shown.add(line) && 'more', end: () => undefined } as unknown as LineWatcher;
  const scope = (account: string, at: number): LogScope =>
    ({
      ...{ accountId: account as AccountId, agent, agents: 'all', space: { id: SPACE, name: 'default' }, stream: 'all', limit: 10 },
      session: `${account}${at}` as SessionId,
    }) as unknown as LogScope;
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  for (const account of ['a', 'b', 'c', 'd']) for (let at = 0; at < 10; at += 1) logs.follow(scope(account, at), watcher);
  await turn();
  t.same(most, { all: 6, ofOne: 3 });
  const refused = await logs.read(scope('a', 99));
  t.match(refused, { ok: false, refusal: { code: 'RATE_LIMITED' } }, 'who only reads is refused');
  while (ends.length > 0) {
    for (const end of ends.splice(0)) end();
    await turn();
  }
  t.equal(shown.size, 40);
  t.same(most, { all: 6, ofOne: 3 });
});

t.test('a space that reads logs without pause has its places, and another space is read meanwhile', async (t) => {
  const ends: (() => void)[] = [];
  const spaceOf = (id: string) => id.slice(0, id.indexOf(' ')) as SpaceId;
  const agentOf = (spaceId: SpaceId) => ({ ...agent, spaceId }) as AgentRow;
  const logs = logService({
    view: { get: (_table: string, id: string) => ({ ...session(id), spaceId: spaceOf(id) }) } as unknown as View,
    lists: {} as LogDeps['lists'],
    streams: { start: () => new Promise((resolve) => ends.push(() => resolve(streamOf()))) },
    feeds: noFeeds,
    clock: systemClock,
    log: silent,
    budgets: new Budgets({ clock: systemClock }),
  });
  const read = (space: string, account: number) =>
    logs.read({
      ...{ accountId: `account ${account}` as AccountId, agent: agentOf(space as SpaceId), agents: 'all' },
      ...{ space: { id: space, name: space }, stream: 'all', limit: 10 },
      session: `${space} session` as SessionId,
    } as unknown as LogScope);
  const codes: (string | undefined)[] = [];
  const flood = Array.from({ length: 100 }, (_, at) =>
    read('greedy', at).then((outcome) => codes.push(outcome.ok ? 'read' : outcome.refusal.code)),
  );
  const other = read('other', 1000);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(codes.filter((code) => code === 'RATE_LIMITED').length, 94, 'refused at once');
  t.equal(ends.length, 7, 'six of the greedy space, one of the other');
  for (const end of ends) end();
  t.match(await other, { ok: true });
  await Promise.all(flood);
});
