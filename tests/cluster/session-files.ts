import type { Test } from 'tap';
import type { Rest } from './rest.ts';

/** Files over REST are the user's files, hostile ones harm nothing, and a full disk keeps what was there. */
export async function filesWork(t: Test, rest: Rest, session: string): Promise<void> {
  const files = `/sessions/${session}/files`;
  const run = async (command: string) =>
    (await rest.call('POST', `/sessions/${session}/exec`, { command })).body as Readonly<Record<string, unknown>>;
  const put = (path: string, body: string) =>
    rest.send('PUT', `${files}?path=${encodeURIComponent(path)}`, body, 'application/octet-stream');
  t.match(await put('made.json', '{"made": true}'), { status: 200, body: { created: true, mode: '0644' } });
  t.match(await run('cat made.json; stat -c %u made.json | grep -qx "$(id -u)" && chmod 700 made.json'), {
    exit_code: 0,
    stdout: '{"made": true}',
  });
  t.match(await put('made.json', '[1]'), { status: 200, body: { created: false, mode: '0700' } });
  t.match(await rest.call('GET', `${files}/made.json`), { status: 200, body: [1] });
  t.match(await run('mkfifo pipe; ln -s /session/.raworc/mailbox.0 box; ln -s /dev/zero zero; mkdir closed; chmod 0 closed'), {
    exit_code: 0,
  });
  for (const path of ['pipe', 'zero', 'box', '/session/.raworc', '/proc/self/mem', 'closed/x', '/etc/shadow'])
    t.match(await rest.call('GET', `${files}?path=${path}`), { status: 409 }, path);
  t.match(await put('/etc/made', 'x'), { status: 409 });
  t.match(await put('/session/.raworc/made', 'x'), { status: 409 });
  t.match(await rest.call('GET', `${files}?path=/session&list`), {
    status: 200,
    body: { entries: [{ name: '.raworc', mode: '0700', uid: 0 }] },
  });
  t.match(await run('head -c 1000000000 /dev/zero > /tmp/fill; echo old > /tmp/kept'), { stderr: /No space/ });
  t.match(await put('/tmp/kept', 'x'.repeat(100_000)), { status: 507 });
  t.match(await run('ls -A /tmp | grep raworc; rm /tmp/*; chmod 700 closed'), { stdout: '' }, 'no temporary file is left');
  t.match(await run('pkill -9 -f "[f]iles.mjs"; sleep 0.1; ps -e -o args= | grep -c "[f]iles.mjs"'), { stdout: '0\n' });
  t.match(await rest.call('GET', `${files}/made.json`), { status: 200 }, 'another helper starts');
}
