import t from 'tap';
import { EventStream } from '../cluster/sse.ts';
import { person } from './people.ts';
import { openTarget } from './target.ts';

const target = await openTarget(t);

/** Tries to open streams, then closes them. Returns how many opened, and the refusals. */
async function opened(token: string, attempts: number): Promise<{ open: number; refusals: unknown[] }> {
  const streams: EventStream[] = [];
  const refusals: unknown[] = [];
  for (let index = 0; index < attempts; index += 1) {
    const answer = await fetch(`${target.url}/api/v0/events`, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } });
    if (answer.status === 200) streams.push(await EventStream.open(`${target.url}/api/v0/events`, token));
    else refusals.push(answer.status);
  }
  for (const stream of streams) stream.close();
  return { open: streams.length, refusals };
}

t.test('an account without a role can open ten event streams; one with a role can open more', async (t) => {
  const outsider = await person(t, target);
  const developer = await person(t, target, ['developer', 'default']);
  const { open, refusals } = await opened(outsider.token, 40);
  t.equal(open, 10);
  t.ok(refusals.every((status) => status === 429));
  t.equal((await opened(developer.token, 40)).open, 40);
});

t.test('each answer carries what is left of its budgets, and a refused stream names the budget that is used up', async (t) => {
  const { rest, token } = await person(t, target);
  const read = await rest.call('GET', '/auth/me');
  t.match(read.headers.get('ratelimit-policy') ?? '', /^"requests-account";q=\d+;w=\d+$/);
  t.match(read.headers.get('ratelimit') ?? '', /^"requests-account";r=\d+;t=\d+$/);
  const change = await rest.call('POST', '/auth/refresh');
  t.match(change.headers.get('ratelimit') ?? '', /^"requests-account";r=\d+;t=\d+, "changes-account";r=\d+;t=\d+$/);
  const stranger = await fetch(`${target.url}/api/v0/version`);
  t.match(stranger.headers.get('ratelimit') ?? '', /^"strangers-address";r=\d+;t=\d+$/);

  const streams: EventStream[] = [];
  for (let index = 0; index < 10; index += 1) streams.push(await EventStream.open(`${target.url}/api/v0/events`, token));
  const refused = await rest.call('GET', '/events');
  t.match(refused, {
    status: 429,
    body: {
      error: {
        code: 'RATE_LIMITED',
        message: 'Your account has too many open event streams: at most 10 at once. Wait for some to finish, then retry.',
        details: { budget: 'streams', scope: 'account', most: 10 },
      },
    },
  });
  t.ok(Number(refused.headers.get('retry-after')) >= 1);
  for (const stream of streams) stream.close();
});
