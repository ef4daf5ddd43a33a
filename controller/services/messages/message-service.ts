import type { Random } from '../../../seams/random.ts';
import type { MessageId } from '../../domain/engine/ids.ts';
import type { MessageObject } from '../../domain/engine/objects.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import { messageObject } from '../../domain/engine/present.ts';
import type { View } from '../../domain/engine/view.ts';
import { clearMessages } from '../../domain/messages/commands/clear-messages.ts';
import { postMessage } from '../../domain/messages/commands/post-message.ts';
import { sessionFor } from '../access/access.ts';
import type { MessageFilter, Messages } from '../engine/api.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists, MessageQuery } from '../engine/lists.ts';
import type { Waiters } from '../engine/waiters.ts';

export interface MessageDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly waiters: Waiters;
  readonly random: Random;
  readonly storeKey: Uint8Array;
}

export function messageService({ applier, view, lists, waiters, random, storeKey }: MessageDeps): Messages {
  return {
    async post(caller, session, input, idempotency) {
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
    async list(caller, session, filter, page) {
      const row = sessionFor(view, caller, session, 'get');
      if (!row.ok) return row;
      const found = await lists.messages(session, queryOf(filter), page);
      return accepted({ items: found.items.map(messageObject), total: found.total });
    },
    async count(caller, session) {
      const row = sessionFor(view, caller, session, 'get');
      return row.ok ? accepted(await lists.countMessages(session)) : row;
    },
    async clear(caller, session) {
      const row = sessionFor(view, caller, session, 'update');
      if (!row.ok) return row;
      let cleared = await applier.submit(clearMessages(session), caller);
      while (cleared.ok && cleared.value !== undefined) cleared = await applier.apply(clearMessages(session, cleared.value));
      return cleared.ok ? accepted(undefined) : cleared;
    },
    async whenAnswered(_session, message, signal) {
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
    ...(filter.role === undefined ? {} : { role: filter.role }),
    ...(since === undefined ? {} : 'seq' in since ? { afterSeq: since.seq } : { afterTime: since.at }),
  };
}
