import { z } from 'zod';
import { type Metrics, SECONDS } from '../../../seams/metrics.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { Committed } from './applier.ts';

/**
 * Reasons of error answers, as guests and the controller give them. Nodes can send other words,
 * which count as `other`.
 */
const REASONS: ReadonlySet<string> = new Set([
  'agent_ambiguous',
  'agent_died',
  'agent_failed',
  'agent_inactive',
  'agent_not_started',
  'agent_stopped',
  'agent_timeout',
  'agent_unknown',
  'answer_lost',
  'cancelled',
  'disk_full',
  'host_lost',
  'interrupted',
  'memory_limit',
  'model_failed',
  'model_not_found',
  'model_rate_limited',
  'model_refused',
  'model_timeout',
  'model_unauthorized',
  'model_unreachable',
  'no_agent',
  'out_of_memory',
  'process_limit',
  'reply_too_large',
  'session_failed',
  'unsupported_runtime',
]);
const ANSWER_SECONDS = [...SECONDS, 30, 60, 300, 1800];

/**
 * Counts events, messages and answers as they are committed. Returns a listener for {@link
 * Applier.onCommitted}.
 */
export function commitMetrics(metrics: Metrics): (committed: Committed) => void {
  const events = metrics.counter({ name: 'events_total', help: 'Committed events, by type', labels: ['type'] });
  const messages = metrics.counter({ name: 'messages_total', help: 'Committed messages, by role', labels: ['role'] });
  const removed = metrics.counter({
    name: 'messages_removed_total',
    help: 'Deleted messages: cleared, of deleted sessions, or the oldest of long conversations',
  });
  const answers = metrics.counter({
    name: 'answers_total',
    help: 'Answers to user messages: reply, or the reason of the error',
    labels: ['outcome'],
  });
  const hops = metrics.counter({
    name: 'hops_total',
    help: 'Questions and hand-overs between agents: reply, or the reason of the error',
    labels: ['outcome'],
  });
  const waited = metrics.histogram({
    name: 'answer_seconds',
    help: 'Time from a user message to its answer',
    buckets: ANSWER_SECONDS,
  });
  return ({ mutations, events: committed }) => {
    for (const { type } of committed) events.add(1, { type });
    const postedAt = new Map<string, number>();
    const answeredAt = new Map<string, number>();
    for (const mutation of mutations) {
      if (mutation.kind === 'dequeue') postedAt.set(mutation.row.id, mutation.row.createdAt);
      if (mutation.kind === 'remove' && mutation.table === 'messages') removed.add(1);
      if (mutation.kind === 'put' && mutation.table === 'hops' && mutation.row.role === 'agent')
        hops.add(1, { outcome: outcomeOf(mutation.row.metadata) });
      if (mutation.kind !== 'put' || mutation.table !== 'messages') continue;
      const { role, metadata, inReplyTo, createdAt } = mutation.row;
      messages.add(1, { role });
      if (role === 'agent') answers.add(1, { outcome: outcomeOf(metadata) });
      if (inReplyTo !== null) answeredAt.set(inReplyTo, createdAt);
    }
    for (const [id, at] of answeredAt) {
      const since = postedAt.get(id);
      if (since !== undefined) waited.observe((at - since) / 1000);
    }
  };
}

function outcomeOf({ reason }: Readonly<Record<string, unknown>>): string {
  if (reason === undefined) return 'reply';
  return typeof reason === 'string' && REASONS.has(reason) ? reason : 'other';
}

/**
 * Counts the outcomes of session creation: `placed`, or why not. Call the returned function with
 * the answer of each create.
 */
export function placementMetrics(metrics: Metrics): (created: Outcome<unknown>) => void {
  const placements = metrics.counter({
    name: 'placements_total',
    help: 'Requested sessions: placed, or the error code',
    labels: ['outcome'],
  });
  const obstacles = metrics.counter({
    name: 'placement_obstacles_total',
    help: 'Nodes rejected for sessions that no node could take, by the first filter that failed',
    labels: ['filter'],
  });
  return (created) => {
    placements.add(1, { outcome: created.ok ? 'placed' : created.refusal.code.toLowerCase() });
    if (created.ok) return;
    for (const [filter, count] of countsIn(created.refusal.details)) obstacles.add(count, { filter });
  };
}

const counts = z.object({ nodes_by_filter: z.record(z.string(), z.int()) });

function countsIn(details: unknown): readonly (readonly [filter: string, nodes: number])[] {
  const parsed = counts.safeParse(details);
  return parsed.success ? Object.entries(parsed.data.nodes_by_filter) : [];
}
