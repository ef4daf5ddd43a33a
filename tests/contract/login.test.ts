import t from 'tap';
import { Rest } from '../cluster/rest.ts';
import { PASSWORD, person, refusal } from './people.ts';
import { openTarget } from './target.ts';

const target = await openTarget(t);

t.test('many correct logins of one account at once all succeed', async (t) => {
  const { user } = await person(t, target);
  const answers = await Promise.all(
    Array.from({ length: 24 }, () => new Rest(target.url, '').call('POST', '/auth/login', { user, pass: PASSWORD })),
  );
  t.same(
    answers.map(({ status }) => status),
    Array(24).fill(200),
  );
});

t.test('of many wrong passwords at once, most are refused without being checked', async (t) => {
  const { user } = await person(t, target);
  // One of the guesses is correct.
  const passwords = Array.from({ length: 20 }, (_, guess) => (guess === 19 ? PASSWORD : `wrong guess ${guess}`));
  const answers = await Promise.all(passwords.map((pass) => new Rest(target.url, '').call('POST', '/auth/login', { user, pass })));
  const statuses = answers.map(({ status }) => status);
  t.ok(statuses.filter((status) => status === 401).length <= 8, statuses.join());
  t.equal(statuses.at(-1), 429);
  t.match(answers.at(-1), refusal(429, 'RATE_LIMITED', /Too many failed logins/));
});
