/**
 * Everything that an agent starts ends with its worker, however it hides; other agents' processes
 * continue.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildGuest } from '../../scripts/build-guest.ts';
import { GuestContainer } from './guest-container.ts';

const bundled = buildGuest(mkdtempSync(join(tmpdir(), 'raworc-bundle-')));
t.teardown(async () => rmSync((await bundled).directory, { recursive: true, force: true }));
t.setTimeout(180_000);

/**
 * Each way to hide leaves a process with another parent, session and environment than its agent.
 */
const SLY = `
import ctypes, os, platform, signal, sys, threading, time

def leave():
    """In a grandchild that nothing connects with its agent but its user and group."""
    if os.fork(): return False
    os.setsid()
    if os.fork(): os._exit(0)
    os.setsid() if os.getsid(0) != os.getpid() else None
    for name in list(os.environ): del os.environ[name]
    for descriptor in range(3, 64):
        try: os.close(descriptor)
        except OSError: pass
    os.chdir("/")
    return True

def process_message(message, context):
    if message == "pid": return str(os.getpid())
    if message == "die": os.kill(os.getpid(), signal.SIGKILL)
    if message == "exit": sys.exit(0)
    if message == "daemon" and leave():
        os.execve("/bin/sleep", ["sleep", "1000"], {})
    if message == "deaf" and leave():
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True: time.sleep(1000)
    if message == "first thread ends" and leave():
        threading.Thread(target=time.sleep, args=(1000,)).start()
        ctypes.CDLL(None).syscall(93 if platform.machine() == "aarch64" else 60, 0)
    if message == "always another" and leave():
        while True:
            if os.fork(): os._exit(0)
            os.setsid()
    return message
`;

const NATIVE = `#!/bin/sh
mark=/tmp/left-$$
setsid sh -c 'exec 3>&- </dev/null >/dev/null 2>&1; touch "$1"; exec env -i sleep 1000' sh "$mark" &
while [ ! -e "$mark" ]; do :; done
echo started
`;

/** Returns agents' processes other than these, with their programs. */
function others(guest: GuestContainer, own: readonly string[]): string[] {
  const list = guest
    .exec('python3', '-c', LIST)
    .split('\n')
    .filter((line) => line !== '');
  return list.filter((line) => !own.includes(line.split(' ')[0] ?? ''));
}

const LIST = `
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status").read().splitlines())
    except OSError:
        continue
    ended = status["State"].split()[0] in "ZX" and int(status["Threads"]) <= 1
    if status["Uid"].split()[0] == "10001" and not ended: print(pid, status["Name"].strip())
`;

async function session(t: Test) {
  const guest = new GuestContainer((await bundled).directory);
  t.teardown(() => guest.close());
  guest.addAgent('sly', 'main.py', SLY);
  guest.addAgent('other', 'main.py', SLY);
  guest.addAgent('native', 'run', NATIVE);
  await guest.create();
  await guest.listen();
  guest.start();
  await guest.welcome();
  let seq = 0;
  const ask = async (agent: string, content: string, secretsVersion = 0) => {
    seq += 10;
    guest.deliver(seq, content, agent, '', secretsVersion);
    const { value } = await guest.next('answer');
    guest.settle(seq);
    return value;
  };
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const gone = async (own: readonly string[]) => {
    for (let looks = 0; looks < 50 && others(guest, own).length > 0; looks += 1) await turn();
    return others(guest, own);
  };
  return { guest, ask, gone };
}

const WAYS = ['daemon', 'deaf', 'first thread ends'] as const;

t.test(
  'processes that left their agent’s tree, session and environment end with its worker, and those of other agents do not',
  async (t) => {
    const { guest, ask, gone } = await session(t);
    const other = (await ask('other', 'pid')).content;
    t.equal((await ask('other', 'daemon')).content, 'daemon');
    const kept = others(guest, [other]).map((line) => line.split(' ')[0] ?? '');
    t.equal(kept.length, 1, 'children outlive the message');

    const stop = () => guest.send({ kind: 'stopAgent', value: { spaceId: '', agent: 'sly', interrupt: true, sessionId: '' } });
    const ends: Record<string, () => Promise<unknown>> = {
      dies: () => ask('sly', 'die'),
      exits: () => ask('sly', 'exit'),
      'is stopped': async () => stop(),
      'gets other secrets': async () => {
        guest.send({ kind: 'secrets', value: { sessionId: 'session', version: 1, values: { KEY: 'new' }, withheld: [] } });
        return ask('sly', 'pid', 1);
      },
    };
    for (const [how, end] of Object.entries(ends)) {
      const pid = (await ask('sly', 'pid')).content;
      for (const way of WAYS) t.equal((await ask('sly', way)).content, way);
      t.equal(others(guest, [other, pid, ...kept]).length, WAYS.length, 'all of them go on');
      await end();
      if (how === 'gets other secrets') break;
      t.same(await gone([other, ...kept]), [], `an agent that ${how} leaves nothing`);
      t.equal((await ask('other', 'pid')).content, other, 'and the other agent goes on');
      t.ok(
        others(guest, [other]).some((line) => line.startsWith(`${kept[0]} `)),
        'with what it started',
      );
    }
    // These are the other agent's secrets, too.
    const now = [(await ask('sly', 'pid', 1)).content, (await ask('other', 'pid', 1)).content];
    t.same(await gone(now), [], 'nothing goes on with secrets of before');
  },
);

t.test('when a native program exits, everything that it started ends', async (t) => {
  const { ask, gone } = await session(t);
  for (let run = 0; run < 3; run += 1) {
    t.match(await ask('native', 'x'), { outcome: 'REPLY', content: 'started\n' });
    t.same(await gone([]), []);
  }
});

t.test('a chain of processes that keep forking and exiting ends, too', async (t) => {
  const { guest, ask, gone } = await session(t);
  for (let round = 0; round < 3; round += 1) {
    const pid = (await ask('sly', 'pid')).content;
    for (let count = 0; count < 4; count += 1) await ask('sly', 'always another');
    const seen = new Set<string>();
    for (let looks = 0; looks < 5; looks += 1) for (const line of others(guest, [pid])) seen.add(line);
    t.ok(seen.size > 5, `${seen.size} different ones were seen`);
    await ask('sly', 'die');
    t.same(await gone([]), []);
  }
  t.match(await ask('other', 'pid'), { outcome: 'REPLY' });
});
