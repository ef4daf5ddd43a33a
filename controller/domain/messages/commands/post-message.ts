import type { MessageObject } from '../../../contract/messages.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { atStart, desiring, loweredEvents, refusedWaking } from '../../sessions/commands/change-desired.ts';
import { LEGAL } from '../../sessions/legal.ts';
import { NO_SESSION } from '../../sessions/refusals.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';
import { answerRefused, messageEvent } from '../answers.ts';
import { type Choice, chooseAgent } from '../choose-agent.ts';
import { trimHistory } from '../history.ts';
import { messageObject } from '../message-object.ts';
import { messageBytes, refusedByQueue } from '../queue.ts';
import type { MessageRow, QueueRow } from '../rows.ts';

export interface NewMessage extends Pick<MessageRow, 'id' | 'sessionId' | 'content' | 'metadata'> {
  readonly role: 'user' | 'system';
  /** Whether the message wakes a paused or suspended session. A system message never does. */
  readonly wake: boolean;
  readonly user: string;
  readonly request: KnownRequest | undefined;
}

/**
 * Accepts a message and chooses its agent. If none can answer, the error_response comes in the
 * message's turn.
 */
export function postMessage(input: NewMessage): Command<Outcome<MessageObject>> {
  const bytes = messageBytes(input);
  return {
    name: 'post-message',
    // Once in the message, once in its event.
    bytes: 2 * bytes,
    grows: true,
    decide({ view, fleet, now }) {
      const session = view.get('sessions', input.sessionId);
      if (session === undefined || session.desired === 'deleted') return unchanged(NO_SESSION);
      const recalled = recall(view, input.request, ['messages', 'message'], (row) => messageObject(row));
      if (recalled !== undefined) return unchanged(recalled);
      const kept = { sessions: 0, requests: undefined, storageBytes: bytes } as const;
      const bySpace = refusedBySpace(view, fleet, session.spaceId, kept);
      if (bySpace !== undefined) return unchanged(bySpace);
      const wants = input.wake && input.role === 'user' && LEGAL[session.desired].message === 'wakes';
      // The end of the drain wakes the session instead.
      const waits = wants && fleet.node(session.nodeId)?.draining === true;
      const wakes = wants && !waits;
      const next = wakes ? atStart(view, fleet, session) : session;
      const refusal = wakes ? refusedWaking(view, fleet, next, ' Send it with wake=false to queue it until then.') : undefined;
      if (refusal !== undefined) return unchanged(refusal);
      if (LEGAL[session.desired].message === 'conflict') {
        return unchanged(
          refused('CONFLICT', `The session is in state error (${session.reason ?? 'no reason recorded'}): recover it or create a new one.`),
        );
      }
      const use = input.role === 'user' ? view.queueUse(session.id) : undefined;
      const longQueue = use === undefined ? undefined : refusedByQueue(use, bytes);
      if (longQueue !== undefined) return unchanged(longQueue);
      const choice = input.role === 'user' ? chooseAgent(view, session, input.content, input.metadata) : undefined;
      const row: MessageRow = {
        id: input.id,
        sessionId: session.id,
        seq: session.lastSeq + 1,
        role: input.role,
        content: input.content,
        metadata: input.metadata,
        inReplyTo: null,
        createdBy: input.user,
        createdAt: now,
      };
      const woken = wakes ? desiring(next, 'running', 0, now) : waits ? { ...session, wakeWanted: true } : session;
      const queued = choice === undefined ? undefined : queuedAs(row, choice, bytes);
      const posted = {
        session: { ...woken, lastSeq: row.seq, lastActivityAt: input.role === 'user' ? now : woken.lastActivityAt },
        mutations: [
          ...trimHistory(view, session.id, bytes, fleet.sizes.history),
          put('messages', row),
          ...(queued === undefined ? [] : [put('queue', queued)]),
          ...remember(input.request, row.id, now),
        ],
        events: [messageEvent(view, session, row)],
      };
      const isNext = queued !== undefined && use?.messages === 0;
      const result = answerRefused(view, posted, isNext ? [queued] : [], now);
      return {
        mutations: [...result.mutations, put('sessions', result.session)],
        events: [...result.events, ...stateEvents(view, session, result.session), ...loweredEvents(view, session, result.session)],
        result: accepted(messageObject(row)),
      };
    },
  };
}

function queuedAs({ id, sessionId, seq, createdAt }: MessageRow, choice: Choice, bytes: number): QueueRow {
  const refusal = choice.ok ? null : { reason: choice.reason, content: choice.content };
  return {
    id,
    sessionId,
    seq,
    agent: choice.ok ? choice.agent : null,
    refusal,
    bytes,
    acceptedAt: null,
    cancelGraceMs: null,
    run: null,
    createdAt,
  };
}
