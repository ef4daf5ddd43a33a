import t from 'tap';
import { countTap, judge } from '../../../scripts/test/tap-result.ts';

const ended = { code: 0, timedOut: false, limitMs: 1000 };

t.test('only the outermost test points are counted, not nested ones or text in the output', async (t) => {
  const output = [
    'TAP version 14',
    '# Subtest: first',
    '    ok 1 - inner',
    '    not ok 2 - inner, which its parent tells again',
    '    1..2',
    'not ok 1 - first # time=4ms',
    'ok 2 - second # time=1ms',
    'ok 3 - third # SKIP no such kernel',
    'not ok 4 - fourth # TODO',
    'okay, this is no point',
    '{"event":"ok"}',
    'ok',
    '1..5',
  ].join('\n');
  t.same(countTap(output), { passed: 2, failed: 1, skipped: 2, failures: ['first'] });
});

t.test('a file fails if it has no tests, times out or crashes', async (t) => {
  t.match(judge('TAP version 14\n1..0\n', ended), { failed: 1, failures: ['has no test'] });
  t.match(judge('ok 1 - a\n', { ...ended, code: 'SIGKILL', timedOut: true }), { passed: 1, failed: 1, failures: ['was killed after 1 s'] });
  t.match(judge('ok 1 - a\n', { ...ended, code: 7 }), { passed: 1, failed: 1, failures: ['ended with 7'] });
  t.match(judge('not ok 1 - a\n', { ...ended, code: 1 }), { failed: 1, failures: ['a'] });
  t.match(judge('ok 1 - a\nBail out! no Docker\n', { ...ended, code: 1 }), { failed: 1 });
  t.match(judge('ok 1 - a\n1..1\n', ended), { passed: 1, failed: 0 });
});
