import type { SessionId } from '../../../controller/domain/engine/ids.ts';
import type { DesiredChange } from '../../../controller/domain/sessions/commands/change-desired.ts';
import { REQUEST_FOR_STATE } from '../../../controller/domain/sessions/legal.ts';
import type { SessionFact } from './book.ts';
import type { Client } from './client.ts';
import { patiently } from './patience.ts';

const idOf = (session: SessionFact) => session.id as SessionId;

/** Makes a request that changes what a session should be. */
export const change = (request: DesiredChange) => async (client: Client, session: SessionFact) => {
  const force = client.random.chance(0.2);
  await client.request(session, request, request, (services, caller) =>
    services.sessions.change(caller, idOf(session), request, { force }),
  );
};

/** Half of them wait for room. */
export async function resume(client: Client, session: SessionFact): Promise<void> {
  const { random, cluster } = client;
  const apart = random.fork(`resume ${session.id} at ${cluster.time.now}`);
  const patienceMs = apart.between(1_500, 9_000);
  if (apart.chance(0.5)) await change('resume')(client, session);
  else
    await client.request(session, 'resume', 'resume when there is room', ({ sessions }, caller) =>
      patiently(client, { patienceMs, caller, canAsk: (now) => sessions.canUpdate(now, idOf(session)) }, (patience) =>
        sessions.resume(caller, idOf(session), patience),
      ),
    );
}

export async function putState(client: Client, session: SessionFact): Promise<void> {
  const state = client.random.pick(['paused', 'suspended', 'idle', 'init', 'busy', 'error'] as const) ?? 'idle';
  const request = REQUEST_FOR_STATE[state];
  if (request !== undefined) {
    await client.request(session, request, `put ${state}`, (services, caller) => services.sessions.putState(caller, idOf(session), state));
    return;
  }
  const answer = await client.ask(`put ${state}`, (services, caller) => services.sessions.putState(caller, idOf(session), state));
  if (answer !== 'lost' && (answer.ok || !['CONFLICT', 'NOT_FOUND'].includes(answer.refusal.code)))
    client.violation(`put ${state} of ${session.id} was taken`);
}
