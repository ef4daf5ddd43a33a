/** The agents' programs for real: python3 and Node.js processes, started as a guest starts them. */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { prepareVolume } from '../../../guest/volume/volume.ts';
import { Processes } from '../../../guest/workers/processes.ts';
import type { AgentSpec__Output as AgentSpec } from '../../../proto/generated/raworc/v0/AgentSpec.ts';
import { systemClock } from '../../../seams/system.ts';
import { failed, isRunning, logged, path, reply, run, stage, turn, workersDirectory } from './stage.ts';

const PYTHON = `
import os, sys, time
print("loaded")
def process_message(message, context):
    if message == "pid": return str(os.getpid())
    if message == "print":
        print("out"); print("err", file=sys.stderr); os.system("echo child")
        return "printed"
    if message == "dict": return {"a": [1, "ü"], "session": context["session_id"]}
    if message == "nothing": return None
    if message == "raise": raise ValueError("no such thing")
    if message == "stream": return pieces()
    if message == "final": return final()
    if message == "large": return "ü" * 600000 * 2
    if message == "endless": return endless()
    if message == "die":
        print("the last words", file=sys.stderr)
        os._exit(3)
    if message == "kill": os.kill(os.getpid(), 9)
    if message == "env": return {k: v for k, v in os.environ.items()}
    if message == "cwd": return os.getcwd()
    if message == "hang": 
        os.system("sleep 1000 & echo child $!")
        yielded = pieces()
        next(yielded)
        print("hanging")
        time.sleep(1000)
    return "echo " + message
def pieces():
    yield "one "
    yield "two "
    yield {"three": 3}
def final():
    yield "thinking"
    return "the reply"
def endless():
    while True: yield "x" * 100000
`;

t.test('a Python agent answers one message after another in one process', async (t) => {
  const { directory, start } = stage(t);
  const worker = start({ name: 'py' }, { 'main.py': PYTHON }, { API_KEY: 'secret', RAWORC_SPACE: 'forged' });
  const first = await run(worker, 'pid');
  const second = await run(worker, 'pid');
  t.match(first.end, reply(String(Number(first.end.content))));
  t.strictSame(second.end, first.end, 'the same pid');
  t.strictSame(first.lines, ['STDOUT loaded']);
  t.strictSame((await run(worker, 'dict')).end, reply('{"a": [1, "ü"], "session": "s"}'));
  t.strictSame((await run(worker, 'nothing')).end, reply(''));
  t.strictSame((await run(worker, 'quoted "\n\u2028 😀')).end, reply('echo quoted "\n\u2028 😀'));

  const printed = await run(worker, 'print');
  t.strictSame(printed.end, reply('printed'), 'what is printed is not in the reply');
  await run(worker, 'pid');
  t.strictSame(printed.lines.sort(), ['STDERR err', 'STDOUT child', 'STDOUT out']);
  await logged(directory, `py_${printed.runId}_stdout.log`, 'out\nchild\n');
  await logged(directory, `py_${printed.runId}_stderr.log`, 'err\n');

  const streamed = await run(worker, 'stream');
  t.strictSame(streamed.deltas, ['one ', 'two ', '{"three": 3}']);
  t.strictSame(streamed.end, reply('one two {"three": 3}'));
  t.match(await run(worker, 'final'), { deltas: ['thinking'], end: reply('the reply') });

  const raised = await run(worker, 'raise');
  t.match(raised.end, failed('agent_failed', /^ValueError: no such thing \(main\.py, line \d+\)$/));
  t.match(raised.lines.join('\n'), /STDERR Traceback[^\n]*\nSTDERR {3}File "[^"]*main\.py"[\s\S]*STDERR ValueError: no such thing/);
  t.notMatch(raised.lines.join('\n'), /worker\.py|raworc_replies/, 'the trace begins in the agent');
  t.match((await run(worker, 'endless')).end, failed('reply_too_large', /1 MiB/));
  t.strictSame((await run(worker, 'pid')).end, first.end, 'still the same process');

  const environment = JSON.parse((await run(worker, 'env')).end.content);
  t.match(environment, {
    API_KEY: 'secret',
    RAWORC_SPACE: 'default',
    RAWORC_SESSION_ID: 'session-1',
    RAWORC_SESSION_DIR: join(directory, 'session'),
  });
  const allowed = [
    ...['API_KEY', 'HOME', 'LANG', 'LC_CTYPE', 'PATH', 'PYTHONUNBUFFERED', 'PYTHONNOUSERSITE', 'RAWORC_SESSION_ID', 'RAWORC_SPACE'],
    ...['SESSION', 'AGENTS', 'WORKSPACE', 'STATE', 'CACHE'].map((name) => `RAWORC_${name}_DIR`),
  ];
  // The test runner adds its own to every process that is started below it.
  const ofRunner = /^(_TAPJS_.*|NODE_OPTIONS|NODE_V8_COVERAGE)$/;
  t.strictSame(
    Object.keys(environment).filter((name) => !allowed.includes(name) && !ofRunner.test(name)),
    [],
    'nothing else',
  );
  t.strictSame((await run(worker, 'cwd')).end, reply(join(directory, 'session', 'workspace')));

  const died = await run(worker, 'die');
  t.strictSame(died.end, failed('agent_died', "The agent's process ended with exit code 3: the last words"));
  t.equal(worker.alive, false);
  t.match((await run(start({ name: 'py' }, {}), 'kill')).end, failed('agent_died', /SIGKILL/));
});

t.test('everything that a Python agent started dies with it', async (t) => {
  const { start } = stage(t);
  const worker = start({ name: 'py' }, { 'main.py': PYTHON });
  const hung = await run(worker, 'hang', '{}', { line: (_stream, line) => line === 'hanging' && worker.kill() });
  t.match(hung.end, failed('agent_died', /SIGKILL/));
  const child = hung.lines.find((line) => line.startsWith('STDOUT child '))?.split(' ')[2];
  t.match(child, /^\d+$/);
  while (isRunning(child)) await turn();
  t.match((await run(start({ name: 'py' }, {}), 'pid')).end, { outcome: 'reply' }, 'and the next one is well');
});

t.test('a Python agent starts and imports its own modules under PYTHONSAFEPATH', async (t) => {
  const { start } = stage(t);
  const files = { 'main.py': 'import own\ndef process_message(message, context): return own.NAME\n', 'own.py': 'NAME = "own"\n' };
  t.match((await run(start({ name: 'safe' }, files, { PYTHONSAFEPATH: '1' }), 'x')).end, reply('own'));
});

t.test('Python coroutines and async generators share one event loop', async (t) => {
  const { start } = stage(t);
  const worker = start(
    { name: 'co', handler: 'sub/handler.answer' },
    {
      'helper.py': 'import asyncio\nlock = None\n',
    },
  );
  t.match((await run(worker, 'x')).end, failed('agent_not_started', /ModuleNotFoundError: No module named 'sub'/));
  t.equal(worker.alive, false);
  const good = start(
    { name: 'co', handler: 'handler.answer' },
    {
      'handler.py': `
import asyncio, helper
async def answer(message, context):
    helper.lock = helper.lock or asyncio.get_running_loop()
    await asyncio.sleep(0)
    if message == "stream": return pieces()
    return str(helper.lock is asyncio.get_running_loop())
async def pieces():
    yield "a"
    await asyncio.sleep(0)
    yield "b"
`,
    },
  );
  t.strictSame((await run(good, 'x')).end, reply('True'));
  t.strictSame((await run(good, 'x')).end, reply('True'));
  t.match(await run(good, 'stream'), { deltas: ['a', 'b'], end: reply('ab') });
  t.match((await run(start({ name: 'co', handler: 'handler.nothing' }, {}), 'x')).end, failed('agent_not_started', /no function nothing/));
  t.match((await run(start({ name: 'syntax' }, { 'main.py': 'def (' }), 'x')).end, failed('agent_not_started', /SyntaxError/));
});

const NODE = `
async function* pieces() { yield 'one '; await null; yield { two: 2 }; }
async function* final() { yield 'thinking'; return 'the reply'; }
async function processMessage(message, context) {
  if (message === 'pid') return String(process.pid);
  if (message === 'print') { console.log('out'); console.error('err'); return 'printed'; }
  if (message === 'object') return { context };
  if (message === 'stream') return pieces();
  if (message === 'final') return final();
  if (message === 'raise') throw new Error('no such thing');
  if (message === 'endless') return (async function* () { for (;;) yield 'x'.repeat(100000); })();
  if (message === 'exit') process.exit(0);
  if (message === 'crash') { setTimeout(() => { throw new Error('in the background'); }); return new Promise(() => {}); }
  return 'echo ' + message;
}
`;

t.test('a Node.js agent does the same, as CommonJS and as an ES module', async (t) => {
  const { directory, start } = stage(t);
  for (const [name, file, exported] of [
    ['cjs', 'index.js', 'module.exports = { processMessage };'],
    ['esm', 'index.mjs', 'export { processMessage as process_message };'],
    ['star', 'index.cjs', "exports.processMessage = function* (m) { yield m; yield '!'; };"],
  ] as const) {
    const worker = start({ name, runtime: 'NODE' }, { [file]: NODE + exported });
    if (name === 'star') {
      t.match(await run(worker, 'hey'), { deltas: ['hey', '!'], end: reply('hey!') });
      continue;
    }
    const first = await run(worker, 'pid');
    t.match(first.end, { outcome: 'reply', content: /^\d+$/ }, name);
    t.strictSame((await run(worker, 'pid')).end, first.end);
    t.strictSame((await run(worker, 'object', '{\n"a":1}')).end, reply('{"context":{"a":1}}'));
    t.match(await run(worker, 'stream'), { deltas: ['one ', '{"two":2}'], end: reply('one {"two":2}') });
    t.match(await run(worker, 'final'), { deltas: ['thinking'], end: reply('the reply') });
    const printed = await run(worker, 'print');
    await run(worker, 'pid');
    t.match(printed, { end: reply('printed'), lines: ['STDOUT out', 'STDERR err'].sort().reverse() });
    await logged(directory, `${name}_${printed.runId}_stdout.log`, 'out\n');
    t.match((await run(worker, 'raise')).end, failed('agent_failed', /^Error: no such thing \(.*:\d+\)$/));
    t.match((await run(worker, 'endless')).end, failed('reply_too_large', /1 MiB/));
    t.strictSame((await run(worker, 'pid')).end, first.end);
    t.match((await run(worker, 'crash')).end, failed('agent_died', /exit code 1: Node\.js/));
  }
  t.match(
    (await run(start({ name: 'exits', runtime: 'NODE' }, { 'index.js': `${NODE}exports.processMessage = processMessage` }), 'exit')).end,
    failed('agent_died', /exit code 0/),
  );
  t.match((await run(start({ name: 'none', runtime: 'NODE' }, {}), 'x')).end, failed('agent_not_started', /no module index/));
  t.match(
    (await run(start({ name: 'bad', runtime: 'NODE' }, { 'index.js': 'throw new Error("at once")' }), 'x')).end,
    failed('agent_not_started', 'at once'),
  );
});

t.test('a native agent gets the message on standard input, as an argument and in its environment', async (t) => {
  const { start } = stage(t);
  const worker = start(
    { name: 'sh', runtime: 'NATIVE', handler: 'answer.sh' },
    {
      'answer.sh': `#!/bin/sh
if [ "$1" = fail ]; then echo "bad luck" >&2; exit 4; fi
echo "log line" >&2
printf '%s|%s|%s|%s|%s' "$(wc -c)" "$(printf %s "$1" | wc -c)" "$(printf %s "$AGENT_MESSAGE" | wc -c)" "$AGENT_CONTEXT" "$(cat "$RAWORC_CONTEXT_FILE")"
`,
    },
  );
  const short = await run(worker, 'hello', '{"a":1}');
  t.strictSame(short.end, reply('5|5|5|{"a":1}|{"a":1}'));
  t.strictSame(short.lines, ['STDERR log line']);
  t.strictSame((await run(worker, 'x'.repeat(300_000), '{"a":1}')).end, reply('300000|0|0|{"a":1}|{"a":1}'), 'too long for a process');
  t.match((await run(worker, 'fail')).end, failed('agent_failed', /exit code 4: bad luck/));
  t.match((await run(start({ name: 'gone', runtime: 'NATIVE', handler: 'x' }, {}), 'x')).end, failed('agent_not_started', /program/));
  t.match((await run(start({ name: 'odd', runtime: 'RUNTIME_UNSPECIFIED' }, {}), 'x')).end, failed('unsupported_runtime', /runtime/));
});

t.test("a worker starts whatever happened to the agents' directories, and follows no link", async (t) => {
  const { directory, start } = stage(t);
  const session = join(directory, 'session');
  const own = ['workspace', 'state', 'cache'].map((name) => join(session, name));
  const elsewhere = join(directory, 'elsewhere');
  mkdirSync(elsewhere, { mode: 0o700 });
  const instead = (make: (path: string) => void) => (path: string) => {
    rmSync(path, { recursive: true });
    make(path);
  };
  const damages: [string, (path: string) => void][] = [
    ['removed', instead(() => undefined)],
    ['closed', (path) => chmodSync(path, 0)],
    ['closed to others', (path) => chmodSync(path, 0o700)],
    ['a file', instead((path) => writeFileSync(path, ''))],
    ['a link', instead((path) => symlinkSync(elsewhere, path))],
    ['a link to nothing', instead((path) => symlinkSync('/nowhere', path))],
  ];
  const native = start({ name: 'sh', runtime: 'NATIVE', handler: 'run' }, { run: '#!/bin/sh\npwd\n' });
  for (const [what, damage] of damages) {
    for (const path of own) damage(path);
    t.strictSame((await run(start({ name: 'py' }, { 'main.py': PYTHON }), 'cwd')).end, reply(own[0] ?? ''), what);
    for (const path of own) t.equal(lstatSync(path).isDirectory() && lstatSync(path).mode & 0o701, 0o701, `${what}: ${path}`);
    for (const path of own) damage(path);
    t.strictSame((await run(native, 'x')).end, reply(`${own[0]}\n`), what);
  }
  t.equal(lstatSync(elsewhere).mode & 0o777, 0o700);
  rmSync(session, { recursive: true });
  writeFileSync(session, '');
  const broken = await run(start({ name: 'py' }, {}), 'x');
  t.match(broken.end, failed('agent_not_started', /session\/workspace.* cannot be/), 'what cannot be mended is named');
});

t.test(
  'in a container agents are another user: they own three directories, and the mailbox is closed to them',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'raworc-guest-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    chmodSync(directory, 0o755);
    const sessionDirectory = join(directory, 'session');
    const agentsDirectory = join(directory, 'agents');
    mkdirSync(sessionDirectory, { mode: 0o755 });
    mkdirSync(join(agentsDirectory, 'sh'), { recursive: true });
    const user = { uid: 10001, gid: 10001 };
    const mailbox = prepareVolume({ directory: sessionDirectory, agentsDirectory, user });
    prepareVolume({ directory: sessionDirectory, agentsDirectory, user });
    writeFileSync(join(mailbox, 'mailbox.a'), 'private', { mode: 0o600 });
    writeFileSync(
      join(agentsDirectory, 'sh', 'run'),
      `#!/bin/sh
cd "$RAWORC_SESSION_DIR"
attempt() { if sh -c "$1" >/dev/null 2>&1; then echo "$1: yes"; else echo "$1: no"; fi; }
id -u; id -g
attempt "touch workspace/x"; attempt "touch state/x"; attempt "touch cache/x"
attempt "touch x"; attempt "touch logs/x"; attempt "mv workspace w"; attempt "ls logs"
attempt "ls .raworc"; attempt "cat .raworc/mailbox.a"; attempt "rm agents"
grep -E 'CapEff|NoNewPrivs|Groups' /proc/self/status
`,
      { mode: 0o755 },
    );
    const places = { sessionId: 's', sessionDirectory, agentsDirectory, path };
    const processes = new Processes({ places, user, workersDirectory, clock: systemClock });
    t.teardown(() => processes.close());
    const agent: AgentSpec = { name: 'sh', runtime: 'NATIVE', handler: '', idempotent: false, timeoutS: 0, memoryBytes: 0, concurrency: 0 };
    const { end } = await run(processes.start(agent, { space: 'default', agents: [agent], environment: {} }), 'x');
    t.strictSame(
      end.content
        .split('\n')
        .map((line) => line.replace(/\s+/g, ' ').trim())
        .slice(0, 14),
      [
        ...['10001', '10001', 'touch workspace/x: yes', 'touch state/x: yes', 'touch cache/x: yes'],
        ...['touch x: no', 'touch logs/x: no', 'mv workspace w: no', 'ls logs: yes'],
        ...['ls .raworc: no', 'cat .raworc/mailbox.a: no', 'rm agents: no', 'Groups:', 'CapEff: 0000000000000000'],
      ],
    );
    t.equal(statSync(sessionDirectory).mode & 0o777, 0o755);
    t.equal(statSync(mailbox).mode & 0o777, 0o700);
  },
);
