/** Agents that start processes of their own, some of them copies of their worker: none of these answers in its place. */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { reply, run, stage, turn } from './stage.ts';

/** The state of each process below that one: R running, S asleep, Z gone and not waited for. */
function childrenOf(parent: string): string[] {
  const states: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const [state, parentOfIt] = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      if (parentOfIt === parent && state !== undefined) states.push(state);
    } catch {
      // Gone meanwhile.
    }
  }
  return states;
}

const FORKS = `
import os, time, asyncio, threading
children = []
def process_message(message, context):
    if message == "pid": return str(os.getpid())
    kind, number = message.split()
    return globals()[kind](number)
def returns(number):
    if os.fork() == 0:
        return "CHILD"
    return "parent " + number
def raises(number):
    if os.fork() == 0:
        raise ValueError("CHILD")
    return "parent " + number
def leaves(number):
    if os.fork() == 0:
        raise SystemExit(0)
    return "parent " + number
def late(number):
    if os.fork() == 0:
        time.sleep(0.05)
        return "CHILD"
    return "parent " + number
def pieces(number):
    if os.fork() == 0:
        yield "CHILD"
        return
    yield "parent " + number
async def waits(number):
    if os.fork() == 0:
        try: await asyncio.sleep(0.05)
        except RuntimeError: pass
        return "CHILD"
    await asyncio.sleep(0)
    return "parent " + number
async def streams(number):
    if os.fork() == 0:
        yield "CHILD"
        return
    yield "parent " + number
def thread(number):
    def work():
        if os.fork() == 0: time.sleep(0.02)
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    return "parent " + number
def unseen(number):
    import ctypes
    if ctypes.CDLL(None).fork() == 0:
        return "CHILD"
    return "parent " + number
def pool(number):
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return "parent " + pool.map(str, [number])[0]
`;
const KINDS = ['returns', 'raises', 'leaves', 'late', 'pieces', 'waits', 'streams', 'thread', 'unseen', 'pool'] as const;

t.test('200 messages to an agent that forks in each are answered by its worker, and no child continues', async (t) => {
  const { start } = stage(t);
  const worker = start({ name: 'forks' }, { 'main.py': FORKS });
  const pid = (await run(worker, 'pid')).end.content;
  const wrong: string[] = [];
  for (let number = 1; number <= 200; number += 1) {
    const kind = KINDS[number % KINDS.length];
    const { end, deltas } = await run(worker, `${kind} ${number}`);
    if (end.content !== `parent ${number}` || deltas.join('').includes('CHILD')) wrong.push(`${kind}: ${end.content} ${deltas.join('')}`);
  }
  t.strictSame(wrong, []);
  t.strictSame((await run(worker, 'pid')).end, reply(pid), 'one process answered them all');
  while (childrenOf(pid).some((state) => state !== 'Z')) await turn();
});

t.test('a child that lingers does not delay the end of its run, and its late frame does not answer another message', async (t) => {
  const { start } = stage(t);
  const worker = start(
    { name: 'lingers' },
    {
      'main.py': `
import os, time
def process_message(message, context):
    if message == "fork":
        if os.fork() == 0:
            while not os.path.exists("go"): time.sleep(0.01)
            open("gone", "w").close()
            return "CHILD"
        return "PARENT"
    open("go", "w").close()
    while not os.path.exists("gone"): time.sleep(0.01)
    time.sleep(0.1)
    return "second"
`,
    },
  );
  t.strictSame((await run(worker, 'fork')).end, reply('PARENT'));
  t.strictSame((await run(worker, 'wait for the child')).end, reply('second'));
});

t.test('a frame that names another run or none is dropped', async (t) => {
  const { start } = stage(t);
  const worker = start(
    { name: 'writes' },
    {
      'main.py': `
import json, os
def process_message(message, context):
    for frame in [{"run": "run-0"}, {}, {"run": None}, {"run": 7}]:
        for said in [{"type": "delta", "text": "FORGED"}, {"type": "reply", "content": "FORGED"}, {"type": "error", "message": "FORGED"}]:
            os.write(3, (json.dumps({**said, **frame}) + "\\n").encode())
    os.write(3, b'{"type": "ready"}\\n')
    return "mine"
`,
    },
  );
  t.match(await run(worker, 'x'), { end: reply('mine'), deltas: [] });
  t.match(await run(worker, 'x'), { end: reply('mine'), deltas: [] });
});

t.test('a child of a Node.js agent that inherits all descriptors cannot answer either', async (t) => {
  const { start } = stage(t);
  const worker = start(
    { name: 'node', runtime: 'NODE' },
    {
      'child.mjs': `
import { writeSync } from 'node:fs';
try { writeSync(3, JSON.stringify({ type: 'reply', content: 'CHILD' }) + '\\n'); } catch {}
setTimeout(() => undefined, 60_000);
`,
      'index.mjs': `
import { fork } from 'node:child_process';
import { once } from 'node:events';
const child = new URL('child.mjs', import.meta.url).pathname;
export async function processMessage(message) {
  const forked = fork(child, { stdio: ['inherit', 'inherit', 'inherit', 3, 'ipc'] });
  await once(forked, 'spawn');
  return 'parent ' + message;
}
`,
    },
  );
  for (let number = 1; number <= 5; number += 1) t.strictSame((await run(worker, String(number))).end, reply(`parent ${number}`));
});
