/** `raworc shell` and `raworc ps`, from the keys to the process of a pretended guest and back. */
import t, { type Test } from 'tap';
import { Raworc } from '../../sdk/raworc.ts';
import { keyboard, world } from '../unit/cli/world.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
let id: string;
let raworc: Raworc;
let token: string;

t.before(async () => {
  target = await openTarget(t);
  ({ id } = await target.rest.createSession());
  raworc = new Raworc({ url: target.url, login: { user: 'admin', pass: target.password } });
  ({ token } = (await target.rest.call('POST', '/auth/login', { user: 'admin', pass: target.password })).body as { token: string });
});

async function terminal(test: Test) {
  let passed = 0;
  const passOutput = () => {
    passed += 1;
  };
  const { env, start, run } = await world(test, target, { isTerminal: true, passOutput });
  env.RAWORC_TOKEN = token;
  const open = (...args: string[]) => {
    const keys = keyboard();
    const shell = start(['shell', id, ...args], keys);
    const until = async (what: RegExp) => {
      while (!what.test(shell.out.join('')))
        await Promise.race([shell.printed(), shell.done.then(() => Promise.reject(new Error(shell.err.join(''))))]);
    };
    return { ...shell, keys, until };
  };
  return { open, run, timesPassed: () => passed };
}

t.test('a terminal is used, left, listed and found again, and its exit code comes through', async (t) => {
  const { open, run } = await terminal(t);
  const first = open('--', 'cat', 'x');
  first.keys.write('typed ü\r');
  await first.until(/typed ü/);
  first.keys.write('the last words\r~.');
  const left = await first.done;
  t.equal(left.code, 0);
  const [, process = ''] = /shell \S+ --attach (\d+)/.exec(left.err) ?? [];
  t.match(left.err, /\r\n.*Left process \d+, which continues.*\r\n/);

  const listed = await run('ps', id);
  t.match(listed.out, /ID +STATE +TERMINAL +ATTACHED +STARTED +COMMAND/);
  t.match(listed.out, new RegExp(`^${process} +running +80x24 +\\d +\\S+ +cat x$`, 'm'));

  const second = open('--attach', process);
  await second.until(/typed ü\rthe last words\r/);
  second.keys.write('\nexit\n');
  t.match(await second.done, { code: 0 });
  t.match((await run('ps', id)).out, new RegExp(`^${process} +ended \\(0\\)`, 'm'));
  t.match(JSON.parse((await run('ps', id, '--json')).out), [{ id: Number(process), running: false, exit_code: 0 }]);
});

t.test('a signal is an exit code above 128', async (t) => {
  const { open } = await terminal(t);
  const shell = open();
  shell.keys.write('x');
  await shell.until(/x/);
  const process = (await raworc.processes.list(id)).find(({ running }) => running);
  await raworc.processes.signal(id, String(process?.id), { signal: 'TERM' });
  t.match(await shell.done, { code: 143 });
});

t.test('the terminal adds carriage returns for a process without one only', async (t) => {
  const { open, timesPassed } = await terminal(t);
  for (const [pty, expected] of [
    [undefined, 0],
    [{ cols: 80, rows: 24 }, 1],
  ] as const) {
    const process = await raworc.processes.start(id, { argv: ['cat'], ...(pty === undefined ? {} : { pty }) });
    const shell = open('--attach', String(process.id));
    shell.keys.write('exit\n');
    t.match(await shell.done, { code: 0 });
    t.equal(timesPassed(), expected);
  }
});

t.test('what cannot be attached to says why, and the terminal is given back', async (t) => {
  const { open, run } = await terminal(t);
  t.match(await open('--attach', '4000').done, { code: 1, err: /no process 4000/ });
  t.match(await open('--attach', '4000', '--', 'ls').done, { code: 2, err: /--attach takes no command/ });
  t.match(await run('shell', id), { code: 2, err: /needs a terminal\. In scripts, use raworc exec/ });
});

for (const [change, said] of [
  ['suspend', /suspended/],
  ['delete', /No such session/],
] as const)
  t.test(`an attachment learns of the end of its session: ${change}`, async (t) => {
    const { id: other } = await target.rest.createSession();
    const process = await raworc.processes.start(other, { argv: ['cat'] });
    const attachment = raworc.attach(other, process, { offset: 0 });
    attachment.write('x');
    const parts: string[] = [];
    const read = (async () => {
      for await (const part of attachment) {
        parts.push(part.kind);
        if (part.kind !== 'stdout') continue;
        if (change === 'delete') await target.rest.call('DELETE', `/sessions/${other}`);
        else await target.rest.call('POST', `/sessions/${other}/suspend`);
      }
    })();
    await t.rejects(read, { message: said });
    t.same(parts, ['stdout', 'lost']);
  });
