import t from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { refused } from '../../../../controller/domain/engine/outcome.ts';
import type { MessageRow, QueueRow } from '../../../../controller/domain/messages/rows.ts';
import { commitMetrics, placementMetrics } from '../../../../controller/services/engine/commit-metrics.ts';
import { prometheusMetrics } from '../../../../seams/prometheus.ts';

const message = (fields: Partial<MessageRow>): MessageRow => ({
  ...{ id: 'm' as MessageId, sessionId: 's' as SessionId, seq: 1, role: 'user', content: '', metadata: {} },
  ...{ inReplyTo: null, createdBy: 'bob', createdAt: 1000 },
  ...fields,
});

const queued: QueueRow = {
  ...{ id: 'm' as MessageId, sessionId: 's' as SessionId, seq: 1, agent: 'a', refusal: null, bytes: 2 },
  ...{ acceptedAt: null, cancelGraceMs: null, run: null, createdAt: 1000 },
};

t.test('a message is counted once, and how long its answer took', async (t) => {
  const metrics = prometheusMetrics({ processMetrics: false });
  const committed = commitMetrics(metrics);
  const answer = message({ id: 'n' as MessageId, role: 'agent', inReplyTo: queued.id, createdAt: 3000 });
  committed({ mutations: [put('messages', message({})), put('queue', queued)], events: [] });
  committed({ mutations: [put('queue', { ...queued, acceptedAt: 1100 })], events: [] });
  committed({ mutations: [put('messages', answer), { kind: 'dequeue', row: { ...queued, acceptedAt: 1100 } }], events: [] });
  const text = await metrics.text();
  t.match(text, /raworc_messages_total\{role="user"\} 1\n/);
  t.match(text, /raworc_answer_seconds_sum 2\n/, 'from post to answer');
});

t.test('answers are counted by a closed list of outcomes, whatever a node says', async (t) => {
  const metrics = prometheusMetrics({ processMetrics: false });
  const committed = commitMetrics(metrics);
  const answer = (metadata: MessageRow['metadata']) =>
    committed({ mutations: [put('messages', message({ role: 'agent', metadata }))], events: [] });
  answer({ type: 'agent_response' });
  answer({ type: 'error_response', reason: 'agent_died' });
  for (let i = 0; i < 50; i += 1) answer({ type: 'error_response', reason: `invented ${i}` });
  const text = await metrics.text();
  t.match(text, /raworc_answers_total\{outcome="reply"\} 1\n/);
  t.match(text, /raworc_answers_total\{outcome="agent_died"\} 1\n/);
  t.match(text, /raworc_answers_total\{outcome="other"\} 50\n/);
  t.notMatch(text, /invented/);
});

t.test('a session without room is counted by the filter that each node failed', async (t) => {
  const metrics = prometheusMetrics({ processMetrics: false });
  const created = placementMetrics(metrics);
  created({ ok: true, value: {} });
  const nodes = [{ node: 'worker-1', filter: 'memory', reason: 'has 0 MiB left' }];
  created(refused('UNAVAILABLE', 'No node has room', { nodes, nodes_omitted: 1, nodes_by_filter: { memory: 2 } }));
  created(refused('CONFLICT', 'The space is full'));
  const text = await metrics.text();
  t.match(text, /raworc_placements_total\{outcome="placed"\} 1\n/);
  t.match(text, /raworc_placements_total\{outcome="unavailable"\} 1\n/);
  t.match(text, /raworc_placements_total\{outcome="conflict"\} 1\n/);
  t.match(text, /raworc_placement_obstacles_total\{filter="memory"\} 2\n/);
  t.notMatch(text, /worker/);
});
