import type { Random } from '../../../seams/random.ts';
import type {
  CancelMessage,
  MessageCountObject,
  MessageFilter,
  MessageInclude,
  MessageObject,
  PostMessage,
  TraceObject,
} from '../../contract/messages.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { MessageId, SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { cancelMessage } from '../../domain/messages/commands/cancel-message.ts';
import { clearMessages } from '../../domain/messages/commands/clear-messages.ts';
import { postMessage } from '../../domain/messages/commands/post-message.ts';
import { messageObject } from '../../domain/messages/message-object.ts';
import { traceObject } from '../../domain/messages/trace.ts';
import { sessionFor } from '../access/access.ts';
import type { Caller, Idempotency } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists, MessageQuery } from '../engine/lists.ts';
import type { Waiters } from '../engine/waiters.ts';

export type Messages = ReturnType<typeof messageService>;

export interface MessageDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly waiters: Waiters;
  readonly random: Random;
  readonly storeKey: Uint8Array;
}

export function messageService({ applier, view, lists, waiters, random, storeKey }: MessageDeps) {
  return {
    async post(caller: Caller, session: SessionId, input: PostMessage, idempotency?: Idempotency) {
      const row = sessionFor(view, caller, session, 'update');
      if (!row.ok) return row;
      return applier.submit(
        postMessage({
          id: random.uuid() as MessageId,
          sessionId: session,
          role: input.role ?? 'user',
          content: input.content,
          metadata: input.metadata ?? {},
          wake: input.wake ?? true,
          user: caller.user,
          request: knownRequest(storeKey, caller, idempotency),
        }),
        caller,
      );
    },
    async cancel(caller: Caller, session: SessionId, message: string, input: CancelMessage): Promise<Outcome<MessageObject>> {
      const row = sessionFor(view, caller, session, 'update');
      if (!row.ok) return row;
      const graceMs = Math.round((input.grace_s ?? 0) * 1000);
      return applier.submit(cancelMessage({ sessionId: session, messageId: message as MessageId, graceMs }), caller);
    },
    async list(caller: Caller, session: SessionId, filter: MessageFilter, page: PageRequest) {
      const row = sessionFor(view, caller, session, 'get');
      if (!row.ok) return row;
      const found = await lists.messages(session, queryOf(filter), page);
      return accepted({ items: found.items.map(messageObject), total: found.total });
    },
    async count(caller: Caller, session: SessionId, { include }: MessageInclude): Promise<Outcome<MessageCountObject>> {
      const row = sessionFor(view, caller, session, 'get');
      return row.ok ? accepted({ count: await lists.countMessages(session, { hops: include === 'hops' }), session_id: session }) : row;
    },
    async trace(caller: Caller, session: SessionId, id: string): Promise<Outcome<TraceObject>> {
      const row = sessionFor(view, caller, session, 'get');
      if (!row.ok) return row;
      const message = view.get('messages', id);
      if (message?.sessionId !== session) return refused('NOT_FOUND', 'No such message in this session.');
      if (message.role !== 'user') {
        return refused('NOT_FOUND', `Only messages with the role user have a trace; this one has ${message.role}.`);
      }
      // Read first: hops are stored with the answer.
      const answer = view.answerTo(message.id);
      if (answer === undefined) return accepted(traceObject(message, view.get('queue', message.id)?.run ?? undefined, undefined));
      return accepted(traceObject(message, undefined, { row: answer, hops: await lists.hops(message.id) }));
    },
    async clear(caller: Caller, session: SessionId): Promise<Outcome<undefined>> {
      const row = sessionFor(view, caller, session, 'update');
      if (!row.ok) return row;
      let cleared = await applier.submit(clearMessages(session), caller);
      while (cleared.ok && cleared.value !== undefined) cleared = await applier.apply(clearMessages(session, cleared.value));
      return cleared.ok ? accepted(undefined) : cleared;
    },
    /**
     * Resolves with the answer to a message once it is committed; with undefined when the signal
     * aborts first.
     */
    async whenAnswered(message: string, signal: AbortSignal): Promise<MessageObject | undefined> {
      const look = (): MessageObject | 'gone' | undefined => {
        const answer = view.answerTo(message as MessageId);
        if (answer !== undefined) return messageObject(answer);
        return view.get('messages', message) === undefined ? 'gone' : undefined;
      };
      const found = await waiters.until(message, look, signal);
      return found === 'gone' ? undefined : found;
    },
  };
}

function queryOf(filter: MessageFilter): MessageQuery {
  const since = filter.since;
  return {
    hops: filter.include === 'hops',
    ...(filter.role === undefined ? {} : { role: filter.role }),
    ...(since === undefined ? {} : 'seq' in since ? { afterSeq: since.seq } : { afterTime: since.at }),
  };
}
