/** What a user reads when a build fails. */
import t from 'tap';
import { type CheckResult, handlerFault, installFailure, quoted } from '../../../../node-agent/domain/build-failure.ts';

const failed = (message: string, output = ''): CheckResult => ({ agent: 'a.b', outcome: 'failed', message, output });
const HOME = '/opt/raworc/agents/a.b';

const cases: readonly (readonly [what: string, runtime: string, result: CheckResult, expected: RegExp | undefined])[] = [
  ['loaded', 'PYTHON', { ...failed(''), outcome: 'loaded' }, undefined],
  ['slow', 'PYTHON', { ...failed('SyntaxError'), outcome: 'slow' }, undefined],
  [
    'a missing module',
    'PYTHON',
    failed(
      "ModuleNotFoundError: No module named 'x'",
      `Traceback:\n  File "${HOME}/main.py", line 3, in <module>\n    import lib\n  File "${HOME}/lib/y.py", line 7\n`,
    ),
    /^the handler of the agent a\.b cannot be loaded: ModuleNotFoundError: No module named 'x' \(lib\/y\.py, line 7\)\. If a package has it, add that to requirements\.txt\. Its last lines:\nTraceback:/,
  ],
  [
    'a place that the message names',
    'PYTHON',
    failed('SyntaxError: x (main.py, line 2)', `File "${HOME}/main.py", line 2\n`),
    /\(main\.py, line 2\)\. Its last/,
  ],
  [
    'another agent of a similar name',
    'PYTHON',
    failed('NameError: x', 'File "/opt/raworc/agents/aXb/main.py", line 2\n'),
    /NameError: x\. Its/,
  ],
  ['a missing function', 'PYTHON', failed('AttributeError: main has no function f'), /has no function f\.$/],
  ['a missing secret', 'PYTHON', failed("KeyError: 'API_KEY'", "KeyError: 'API_KEY'"), undefined],
  ['a service that is away', 'NODE', failed('connect ECONNREFUSED 10.0.0.1:5432', 'Error: connect ECONNREFUSED'), undefined],
  [
    'a syntax error of Node.js',
    'NODE',
    failed('Unexpected token', `file://${HOME}/index.mjs:3\n  foo bar\nSyntaxError: Unexpected token\n`),
    /cannot be loaded: Unexpected token \(index\.mjs, line 3\)/,
  ],
  [
    'a missing package',
    'NODE',
    failed(`Cannot find package 'x' imported from ${HOME}/index.mjs`, 'code: ERR_MODULE_NOT_FOUND'),
    /Cannot find package 'x'/,
  ],
  ['an exit of its own', 'PYTHON', { ...failed('exit code 3'), outcome: 'exited' }, undefined],
  ['a crash', 'PYTHON', { ...failed('ended by SIGSEGV'), outcome: 'exited' }, /cannot be loaded: ended by SIGSEGV\.$/],
  [
    'a program',
    'NATIVE',
    failed('run is not executable. Run chmod +x run and deploy again'),
    /^the agent a\.b cannot run: run is not executable/,
  ],
];

for (const [what, runtime, result, expected] of cases)
  t.test(what, async (t) => {
    const fault = handlerFault(result, runtime);
    if (expected === undefined) t.equal(fault, undefined);
    else t.match(fault, expected);
  });

t.test('output is quoted within bounds', async (t) => {
  t.equal(quoted(''), '');
  t.equal(quoted('\n \n'), '');
  const many = quoted(Array.from({ length: 500 }, (_, index) => `line ${index}`).join('\r\n'));
  t.equal(many.split('\n').length, 21);
  t.match(many, /line 499$/);
  t.ok(quoted('x'.repeat(100_000)).length <= 2_020);
});

t.test('an installation that fails names the command and the limit', async (t) => {
  t.equal(installFailure('a', 'npm-ci', { code: 1, lastLines: 'no\n' }), 'npm ci failed for the agent a: exit code 1. Its last lines:\nno');
  t.match(
    installFailure('a', 'pip', { code: 137, exceeded: 'memory', lastLines: '' }),
    /^pip install .* needs more memory than builds have\.$/,
  );
});
