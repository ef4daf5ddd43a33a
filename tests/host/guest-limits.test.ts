/** Limits of a session's container: how they affect its agents, and how they are reported. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildGuest } from '../../scripts/build-guest.ts';
import { GuestContainer } from './guest-container.ts';

const MIB = 1024 * 1024;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const bundled = buildGuest(mkdtempSync(join(tmpdir(), 'raworc-bundle-')));
t.teardown(async () => rmSync((await bundled).directory, { recursive: true, force: true }));
t.setTimeout(180_000);

const GREEDY = `
import ctypes, os, subprocess, sys, threading, time
threads = []
def process_message(message, context):
    if message == "pid": return str(os.getpid())
    if message == "threads":
        for _ in range(242):
            threads.append(threading.Thread(target=time.sleep, args=(1000,)))
            threads[-1].start()
        return str(len(threads))
    if message == "bomb":
        while True:
            try: os.fork()
            except OSError: pass
    if message == "hidden bomb":
        # Leaves its agent's process group and parent, and multiplies there.
        if os.fork() == 0:
            os.setsid()
            if os.fork(): os._exit(0)
            while True:
                try:
                    if os.fork() == 0: os.setsid()
                except OSError: pass
        return "lit"
    if message == "memory":
        held = []
        while True: held.append(b"x" * 8 * 1024 * 1024)
    if message == "child's memory":
        code = "held = []\\nwhile True: held.append(b'x' * 8 * 1024 * 1024)"
        return str(subprocess.run([sys.executable, "-c", code]).returncode)
    if message == "kill":
        os.kill(os.getpid(), 9)
    return message
`;

async function session(t: Test, limits: { memoryBytes?: number; processes?: number }) {
  const guest = new GuestContainer((await bundled).directory, limits);
  t.teardown(() => guest.close());
  guest.addAgent('greedy', 'main.py', GREEDY);
  guest.addAgent('node', 'index.mjs', 'export const processMessage = (message) => message;');
  guest.addAgent('native', 'run', '#!/bin/sh\ncat | cat\n');
  await guest.create();
  await guest.listen();
  guest.start();
  await guest.welcome();
  let seq = 0;
  const ask = async (agent: string, content: string) => {
    seq += 10;
    guest.deliver(seq, content, agent);
    const { value } = await guest.next('answer');
    guest.settle(seq);
    return value;
  };
  return { guest, ask };
}

t.test('an agent with 242 threads does not prevent others from starting', async (t) => {
  const { ask } = await session(t, {});
  const pid = (await ask('greedy', 'pid')).content;
  t.match(await ask('greedy', 'threads'), { outcome: 'REPLY', content: '242' });
  t.match(await ask('node', 'hello'), { outcome: 'REPLY', content: 'hello' });
  t.match(await ask('native', 'hello'), { outcome: 'REPLY', content: 'hello' });
  t.match(await ask('echo', 'hello'), { outcome: 'REPLY', content: /^hello/ });
  t.equal((await ask('greedy', 'pid')).content, pid, 'and goes on itself');
});

t.test(
  'beyond the limit, the agent with the most processes is killed with an error that names the limit, and others continue',
  async (t) => {
    const { guest, ask } = await session(t, { processes: 40 });
    t.match(await ask('node', 'hello'), { outcome: 'REPLY' });
    guest.deliver(12, 'bomb', 'greedy');
    t.match((await guest.next('limitReached')).value, { limit: 'processes', value: 40, agent: 'greedy' });
    const { value } = await guest.next('answer');
    t.match(value, { outcome: 'ERROR', reason: 'process_limit', content: /the limit is 40 \(limits\.processes\)/ });
    guest.settle(12);
    t.match(await ask('node', 'hello'), { outcome: 'REPLY' });
    t.match(await ask('greedy', 'hello'), { outcome: 'REPLY' }, 'a new process of its own');
  },
);

t.test('so are processes that detached from their agent', async (t) => {
  const { guest, ask } = await session(t, { processes: 40 });
  t.match(await ask('greedy', 'hidden bomb'), { content: 'lit' });
  for (let count = 0; count < 5; count += 1) {
    for (const agent of ['node', 'native']) t.match(await ask(agent, 'hello'), { content: 'hello' }, agent);
  }
  while (guest.processes() > 40) await turn();
  t.match(await ask('greedy', 'hello'), { outcome: 'REPLY' });
});

t.test('a kill at the memory limit is reported as such, and other exits are not', async (t) => {
  const { guest, ask } = await session(t, { memoryBytes: 160 * MIB });
  const limit = /memory limit of 160 MiB \(limits\.memory_bytes\)/;
  guest.deliver(1, 'memory', 'greedy');
  t.match((await guest.next('limitReached')).value, { limit: 'memory', value: 160 * MIB, agent: 'greedy' });
  t.match((await guest.next('answer')).value, { outcome: 'ERROR', reason: 'out_of_memory', content: limit });
  guest.settle(1);
  t.match(await ask('greedy', 'kill'), { reason: 'agent_died', content: /SIGKILL/ }, 'it kills itself');

  const pid = (await ask('greedy', 'pid')).content;
  const { runId, content } = await ask('greedy', "child's memory");
  t.equal(content, '-9');
  t.equal((await ask('greedy', 'pid')).content, pid, 'the agent lives on');
  t.match(await guest.logs('greedy', 'stderr', 10), [{ runId, stream: 'stderr', line: limit }]);
  t.match(await ask('greedy', 'kill'), { reason: 'agent_died' }, 'nor is this blamed on memory');
});

t.test("agents start, whatever another agent did to the agents' directories", async (t) => {
  const { guest, ask } = await session(t, {});
  const closing = `
import os, subprocess
def process_message(message, context):
    for name in ["WORKSPACE", "STATE", "CACHE"]: os.chmod(os.environ["RAWORC_%s_DIR" % name], int(message, 8))
    subprocess.run("head -c 100M /dev/zero > /tmp/ballast", shell=True, stderr=subprocess.DEVNULL)
    os._exit(1)
`;
  guest.addAgent('closes', 'main.py', closing);
  guest.welcomeAgain();
  for (const mode of ['700', '0']) {
    for (const agent of ['echo', 'node', 'native']) {
      t.match(await ask('closes', mode), { reason: 'agent_died' });
      t.match(await ask(agent, 'hello'), { outcome: 'REPLY', content: /^hello/ }, `${agent}, ${mode}`);
    }
  }
  guest.exec('sh', '-c', 'cd /session && chmod 700 logs && mv workspace w && ln -s logs workspace');
  await ask('closes', '700');
  t.match(await ask('native', 'hello'), { outcome: 'REPLY', content: /^hello/ }, 'a link in its place');
  const kept = guest.exec('stat', '-c', '%F %a', '/session/logs', '/session/workspace', '/session');
  t.match(kept, /^directory 700\ndirectory 7.[1357]\ndirectory 755\n$/);
});
