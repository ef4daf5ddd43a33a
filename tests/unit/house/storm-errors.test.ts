import t from 'tap';
import type { Message } from '../../cluster/shapes.ts';
import type { Kill } from '../../cluster/storm.ts';
import type { Run } from '../../cluster/storm-agent.ts';
import { judgeErrorsBy } from '../../cluster/storm-errors.ts';

const at = (ms: number) => new Date(ms).toISOString();
const message = (id: string, role: Message['role'], ms: number, metadata: Message['metadata'] = {}): Message => ({
  ...{ id, session_id: 's', seq: 1, role, content: '', metadata, created_at: at(ms) },
});
const asked = (id: string, ms: number) => message(id, 'user', ms);
const died = (id: string, ms: number, about: Message['metadata'] = {}) =>
  message(`answer to ${id}`, 'agent', ms, { type: 'error_response', in_reply_to: id, reason: 'agent_died', ...about });
const killAt = (atMs: number, ...cut: string[]): Kill => ({ victim: 'container', session: 's', atMs, doneMs: atMs + 100, cut });
const excuses = (messages: readonly Message[], kills: readonly Kill[], runs: Readonly<Record<string, Run>>) =>
  judgeErrorsBy(messages, kills, new Map(Object.entries(runs))).map(({ excuse }) => excuse);

t.test('an error is right for a run that a kill cut off, and for one between two syncs', async (t) => {
  const messages = [asked('m', 1000), died('m', 9000)];
  t.same(excuses(messages, [killAt(5000, 'm')], { m: { startedMs: 4900, endedMs: undefined } }), ['unfinished']);
  t.same(excuses(messages, [killAt(5000)], { m: { startedMs: 5050, endedMs: undefined } }), ['unfinished'], 'begun under the kill');
  t.same(excuses(messages, [killAt(5000)], { m: { startedMs: 4500, endedMs: 4990 } }), ['between syncs'], 'its end was just recorded');
  t.same(excuses([asked('m', 1000), died('m', 9000, { run_id: 'r' })], [killAt(5000)], {}), ['between syncs'], 'no agent recorded a start');
});

t.test('the lost answer of a finished run is an error', async (t) => {
  const messages = [asked('m', 1000), died('m', 9000)];
  const finished = { m: { startedMs: 3000, endedMs: 3400 } };
  t.same(excuses(messages, [killAt(5000)], finished), [undefined], 'finished long before the kill');
  t.same(excuses(messages, [killAt(5000), killAt(2000)], finished), [undefined], 'between kills that did not touch it');
  t.same(excuses(messages, [], finished), [undefined], 'without any kill');
});

t.test('an error without a kill of its container is wrong', async (t) => {
  const unfinished = { m: { startedMs: 4900, endedMs: undefined }, n: { startedMs: 4950, endedMs: undefined } };
  const m = [asked('m', 1000), died('m', 9000)];
  t.same(excuses(m, [killAt(4000)], unfinished), [undefined], 'begun after the kill');
  t.same(excuses(m, [killAt(9500, 'm')], unfinished), [undefined], 'answered before the kill');
  t.same(excuses([asked('m', 1000), died('m', 9000)], [killAt(5000)], {}), [undefined], 'never begun');
  t.same(excuses([asked('m', 1000), died('m', 9000, { reason: 'timeout' })], [killAt(5000, 'm')], unfinished), [undefined]);
  const both = [...m, asked('n', 1000), died('n', 9000)];
  t.same(excuses(both, [killAt(5000, 'm', 'n')], unfinished), ['unfinished', undefined], 'a kill cuts one run off');
});
