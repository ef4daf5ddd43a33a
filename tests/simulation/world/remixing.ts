import type { RemixSession, SessionObject } from '../../../controller/contract/sessions.ts';
import type { SessionId } from '../../../controller/domain/engine/ids.ts';
import type { SessionFact } from './book.ts';
import type { Client } from './client.ts';
import { makeOnce } from './once.ts';
import { patiently } from './patience.ts';
import { isSpaceFull } from './spaces.ts';
import { NARROW, SPACES } from './store.ts';

/**
 * Remixes a session, with or without its volume and its messages. Returns undefined if no remix is
 * known to exist.
 */
export async function remix(client: Client, parent: SessionFact): Promise<SessionFact | undefined> {
  const { random, book, cluster } = client;
  const body: RemixSession = {
    name: client.fresh(),
    ...(random.chance(0.15) ? { data: false } : {}),
    ...(random.chance(0.4) ? { messages: true } : {}),
    ...(random.chance(0.3) ? { space: random.pick(SPACES)?.name ?? NARROW } : {}),
  };
  const id = parent.id as SessionId;
  const askedAt = cluster.time.now;
  const apart = random.fork(`remix ${id} at ${askedAt}`);
  const patienceMs = apart.chance(0.3) ? apart.between(1_500, 9_000) : undefined;
  const made = await makeOnce<SessionObject>(
    client,
    `remix ${id}`,
    body,
    (_, key) =>
      ({ sessions }, caller) =>
        patiently(client, { patienceMs, caller, canAsk: (now) => sessions.canRemix(now, id, body) }, (patience) =>
          sessions.remix(caller, id, body, key, patience),
        ),
  );
  if (made === 'lost') return undefined;
  if (made.ok) {
    if (made.value.parent_session_id !== id) client.violation(`the copy ${made.value.id} is not one of ${id}`);
    return book.session(made.value.id, parent.hasTimeouts);
  }
  const { chronicle } = cluster;
  const row = chronicle.sessions.get(id);
  const { code, message } = made.refusal;
  const mayBe: Readonly<Record<string, boolean>> = {
    UNAVAILABLE: true,
    NOT_FOUND: row?.desired === 'deleted' || parent.isForgotten || row === undefined,
    CONFLICT:
      isSpaceFull(made.refusal) || (body.data !== false && (chronicle.failed.has(id) || chronicle.lostNodes.has(row?.nodeId ?? ''))),
  };
  if (mayBe[code] !== true) client.violation(`remix ${id}, asked for at ${askedAt}: ${code} ${message}`);
  return undefined;
}
