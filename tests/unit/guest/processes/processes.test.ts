/** Processes that the guest keeps, with real programs and terminals. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KEPT_OUTPUT_BYTES, MAX_PROCESSES } from '../../../../proto/streams/process-stream.ts';
import { isRunning } from '../stage.ts';
import { session } from './stage.ts';

const sh = (script: string) => ['/bin/sh', '-c', script];

t.test('a process outlives who is attached, and each attachment gets the output from its offset, and the exit once', async (t) => {
  const { start, attach, ask } = session(t);
  const { pid, startedAtMs, command } = await start({ argv: sh('echo one; read line; echo "two $line" >&2; exit 3') });
  t.equal(command, '/bin/sh -c echo one; read line; echo "two $line" >&2; exit 3');
  t.ok(isRunning(String(pid)), 'the id is that of the process');
  const first = attach(pid);
  await first.until(/one\n/);
  first.stream.destroy();
  const second = attach(pid, { offset: 4, startedAtMs });
  const third = attach(pid, {});
  second.type('typed\n');
  for (const one of [second, third]) {
    t.match(await one.last(), { kind: 'exit', end: { exitCode: 3, signal: null } });
    t.equal(one.text(), 'two typed\n');
    t.equal(one.frames.filter(({ kind }) => kind === 'exit').length, 1);
    t.match(one.frames[0], { kind: 'attached', offset: 4 });
  }
  const late = attach(pid);
  t.match(await late.last(), { kind: 'exit', end: { exitCode: 3 } });
  t.equal(late.text(), 'one\ntwo typed\n');
  t.match(await ask({ op: 'get', pid }), { processes: [{ pid, outputBytes: 14, keptFrom: 0, stdinOpen: false, end: { exitCode: 3 } }] });
  t.match(await ask({ op: 'signal', pid, signal: 'TERM' }), { refused: 'conflict' });
  t.match(await ask({ op: 'remove', pid }), { processes: [{ pid }] });
  t.match(await ask({ op: 'get', pid }), { refused: 'not_found' });
  t.match(await attach(pid).last(), { kind: 'refused', refusal: { refused: 'not_found' } });
});

t.test('what was typed before leaving arrives, and the process goes on', async (t) => {
  const { start, attach, ask } = session(t);
  const { pid } = await start({ argv: sh('read line; echo "got $line"; read line') });
  const first = attach(pid);
  first.type('the last words\n');
  first.send('detach');
  await first.last();
  t.match(await ask({ op: 'get', pid }), { processes: [{ attached: 0, end: null, stdinOpen: true }] });
  const second = attach(pid);
  await second.until(/got the last words\n/);
  second.stream.destroy();
});

t.test('standard input is closed on request, or from the start', async (t) => {
  const { start, attach, ask } = session(t);
  const { pid } = await start({ argv: ['cat'] });
  const attached = attach(pid);
  attached.type('kept ');
  await attached.until(/kept /);
  t.match(await ask({ op: 'closeStdin', pid }), { processes: [{ stdinOpen: false }] });
  t.match(await attached.last(), { kind: 'exit', end: { exitCode: 0 } });
  const closed = await start({ argv: ['cat'], stdin: false });
  t.match(await attach(closed.pid).last(), { kind: 'exit', end: { exitCode: 0 } });
  t.match(await ask({ op: 'closeStdin', pid: closed.pid }), { refused: 'conflict' });
});

t.test('signals reach the process group; KILL and removal end all that it started', async (t) => {
  const { start, attach, ask } = session(t);
  const { pid } = await start({ argv: sh('trap "echo caught" USR1; echo ready; while :; do sleep 0.05; done') });
  const attached = attach(pid);
  await attached.until(/ready/);
  await ask({ op: 'signal', pid, signal: 'USR1' });
  await attached.until(/caught/);
  attached.send('signal', { signal: 'KILL' });
  t.match(await attached.last(), { kind: 'exit', end: { exitCode: null, signal: 'SIGKILL' } });
  const other = await start({ argv: sh('sleep 1000 & echo $!; wait') });
  const watching = attach(other.pid);
  await watching.until(/\d+\n/);
  t.match(await ask({ op: 'remove', pid: other.pid }), { processes: [{ end: { signal: 'SIGKILL' } }] });
  t.equal(isRunning(watching.text().trim()), false);
  t.match(await watching.last(), { kind: 'exit' });
});

t.test('with on_disconnect=kill, the last attachment takes the process with it', async (t) => {
  const { start, attach, table } = session(t);
  const { pid } = await start({ argv: ['sleep', '1000'], onDisconnect: 'kill' });
  const both = [attach(pid), attach(pid)];
  while (both.some(({ frames }) => frames.length === 0)) await new Promise<void>((resolve) => setImmediate(resolve));
  both[0]?.stream.destroy();
  const kept = table.get(pid);
  if ('refused' in kept) return t.fail('it is there');
  while (kept.state.attached > 1) await new Promise<void>((resolve) => setImmediate(resolve));
  t.equal(kept.isOver, false);
  both[1]?.stream.destroy();
  await kept.ended();
  t.match(kept.state.end, { signal: 'SIGKILL' });
});

t.test('a process is killed with all that it started when its time is over, attached or not', async (t) => {
  const { start, attach, ask } = session(t);
  const { pid } = await start({ argv: sh('trap "" TERM; sleep 1000 & echo $!; wait'), timeoutMs: 300 });
  const attached = attach(pid);
  await attached.until(/\d+\n/);
  t.match(await attached.last(), { kind: 'exit', end: { exitCode: null, signal: 'KILL', timedOut: true } });
  const child = attached.text().trim();
  while (isRunning(child)) await new Promise((resolve) => setImmediate(resolve));
  t.match(await ask({ op: 'get', pid }), { processes: [{ end: { timedOut: true } }] });
  const quick = await start({ argv: ['true'], timeoutMs: 60_000 });
  const { end } = (await attach(quick.pid).last()) as { readonly end: object };
  t.match(end, { exitCode: 0 });
  t.notHas(end, { timedOut: true });
});

t.test('output without end is kept up to a bound; who comes late learns of the gap', async (t) => {
  const { start, attach, ask } = session(t);
  const { pid } = await start({ argv: sh(`head -c ${3 * KEPT_OUTPUT_BYTES} /dev/zero | tr '\\0' x; echo end`) });
  await attach(pid, {}).last();
  const late = attach(pid);
  await late.last();
  const gap = late.frames.find(({ kind }) => kind === 'gap');
  t.match(gap, { from: 0, to: 2 * KEPT_OUTPUT_BYTES + 4 });
  t.equal(late.text().length, KEPT_OUTPUT_BYTES);
  t.ok(late.text().endsWith('xend\n'));
  t.match(await ask({ op: 'get', pid }), { processes: [{ outputBytes: 3 * KEPT_OUTPUT_BYTES + 4 }] });
});

t.test('a slow reader slows the process down and misses nothing', async (t) => {
  const { start, attach } = session(t);
  const { pid } = await start({ argv: sh('read line; head -c 8000000 /dev/zero | tr "\\0" y; echo end') });
  const slow = attach(pid, { offset: 0 }, 16 * 1024);
  slow.type('\n');
  t.match(await slow.last(), { kind: 'exit', end: { exitCode: 0 } });
  t.equal(slow.text().length, 8_000_004);
  t.equal(slow.frames.filter(({ kind }) => kind === 'gap').length, 0);
});

t.test('a session has so many running processes, and forgets those that ended first', async (t) => {
  const counts: number[] = [];
  const { start, attach, ask } = session(t, (count) => counts.push(count));
  const ended = async () => {
    const { pid } = await start({ argv: ['true'] });
    await attach(pid).last();
    return pid;
  };
  const first = await ended();
  for (let at = 0; at < MAX_PROCESSES.ended; at += 1) await ended();
  const running = [];
  for (let at = 0; at < MAX_PROCESSES.running; at += 1) running.push(await start({ argv: ['sleep', '1000'], keepAwake: at === 0 }));
  await t.rejects(start({ argv: ['true'] }), /too_many.*64 running/);
  const all = await ask({ op: 'list' });
  const pids = 'processes' in all ? all.processes.map(({ pid }) => pid) : [];
  t.equal(pids.length, MAX_PROCESSES.running + MAX_PROCESSES.ended);
  t.notOk(pids.includes(first));
  t.same(counts, [1]);
  await ask({ op: 'remove', pid: running[0]?.pid ?? 0 });
  t.same(counts, [1, 0]);
  await start({ argv: ['true'] });
});

t.test('what cannot be started says why', async (t) => {
  const { start } = session(t);
  const pty = { cols: 80, rows: 24 };
  for (const more of [{}, { pty }]) {
    await t.rejects(start({ argv: ['nowhere-at-all'], ...more }), /not_started.*no program nowhere-at-all/);
    await t.rejects(start({ argv: ['true'], cwd: 'nowhere', ...more }), /not_started.*no directory/);
  }
  await t.rejects(start({ argv: [''] }), /./);
});

t.test('a terminal has a size, job control, and the keys that signal', async (t) => {
  const { start, attach, ask, directory } = session(t);
  const { pid, pty } = await start({ argv: ['/bin/bash', '--norc', '--noediting'], pty: { cols: 90, rows: 30 }, env: { PS1: 'ready> ' } });
  t.same(pty, { cols: 90, rows: 30 });
  const shell = attach(pid);
  const says = async (line: string, pattern: RegExp) => {
    shell.type(line);
    await shell.until(pattern);
  };
  await shell.until(/ready> /);
  await says('stty size; echo $TERM; tty\r', /30 90\r\nxterm-256color\r\n\/dev\/pts\/\d+\r\n/);
  shell.send('resize', { cols: 200, rows: 50 });
  await says('stty size\r', /50 200/);
  // It repeats a line only while it is in the foreground.
  shell.type('cat\r');
  await says('first\r', /first[\s\S]*first\r\n/);
  await says('\x1a', /Stopped/);
  shell.type('fg\r');
  await says('second\r', /second[\s\S]*second\r\n/);
  await says('\x03', /\^C[\s\S]*ready> /);
  await says('echo "gr\u00fc\u00df"\r', /gr\xc3\xbc\xc3\x9f"[\s\S]*gr\xc3\xbc\xc3\x9f\r\n/);
  await says('cat > file\r', /cat > file/);
  shell.type('in the file\r\x04');
  await says('echo written\r', /(> |\n)written\r\n/);
  t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'in the file\n');
  t.match(await ask({ op: 'closeStdin', pid }), { refused: 'conflict', message: /ctrl-D/ });
  shell.type('exit 7\r');
  t.match(await shell.last(), { kind: 'exit', end: { exitCode: 7, signal: null } });
});

t.test('a large paste reaches a program on a terminal whole, and signals what is in the foreground', async (t) => {
  const { start, attach, ask, directory } = session(t);
  const text = Array.from({ length: 20_000 }, (_, at) => `line ${at}`).join('\n');
  const { pid } = await start({
    argv: sh(`stty raw -echo; echo go; head -c ${text.length} > paste; echo done; sleep 1000`),
    pty: { cols: 80, rows: 24 },
  });
  const attached = attach(pid);
  await attached.until(/go/);
  for (let at = 0; at < text.length; at += 60_000) attached.type(text.slice(at, at + 60_000));
  await attached.until(/done/);
  t.equal(readFileSync(join(directory, 'paste'), 'utf8'), text);
  await ask({ op: 'signal', pid, signal: 'HUP' });
  t.match(await attached.last(), { kind: 'exit', end: { signal: 'SIGHUP' } });
});
