/** How replies end: at their bound, which counts bytes, or early, and then with the agent's own `finally`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { WorkerEnd } from '../../../guest/runs/worker-host.ts';
import { MAX_REPLY_BYTES } from '../../../guest/runs/worker-host.ts';
import { failed, run, stage, turn } from './stage.ts';

const HALF = MAX_REPLY_BYTES / 2;
const TOO_LARGE = failed('reply_too_large', /1 MiB/);

const PYTHON = `
def process_message(message, context):
    count = int(message.split()[1])
    return pieces(count) if message.startswith("stream") else "ü" * count
def pieces(count):
    for _ in range(4): yield "ü" * (count // 4)
`;
const NODE = `
export async function processMessage(message) {
  const count = Number(message.split(' ')[1]);
  return message.startsWith('stream') ? pieces(count) : 'ü'.repeat(count);
}
async function* pieces(count) { for (let piece = 0; piece < 4; piece += 1) yield 'ü'.repeat(count / 4); }
`;
const NATIVE = `#!/bin/sh
head -c "\${1#* }" /dev/zero | tr '\\0' 'x'; head -c "\${1#* }" /dev/zero | tr '\\0' 'x'
`;

t.test('every kind of worker can reply with 1 MiB, streamed or not, but not with one byte more', async (t) => {
  const { start } = stage(t);
  const workers = {
    python: start({ name: 'py' }, { 'main.py': PYTHON }),
    node: start({ name: 'node', runtime: 'NODE' }, { 'index.mjs': NODE }),
    native: start({ name: 'sh', runtime: 'NATIVE', handler: 'run' }, { run: NATIVE }),
  };
  const bytesOf = ({ content }: WorkerEnd) => Buffer.byteLength(content);
  for (const [kind, worker] of Object.entries(workers)) {
    for (const way of ['stream', 'whole']) {
      const most = await run(worker, `${way} ${HALF}`);
      t.strictSame([most.end.outcome, bytesOf(most.end)], ['reply', MAX_REPLY_BYTES], `${kind}, ${way}`);
      t.match((await run(worker, `${way} ${HALF + 4}`)).end, TOO_LARGE, `${kind}, ${way}: fewer characters than 1 MiB, but more bytes`);
    }
  }
});

t.test('every kind of worker receives a whole message of 1 MiB', async (t) => {
  const { start } = stage(t);
  const message = 'ü'.repeat(HALF);
  const workers = {
    python: start({ name: 'py' }, { 'main.py': 'def process_message(message, context):\n    return message\n' }),
    node: start({ name: 'node', runtime: 'NODE' }, { 'index.mjs': 'export const processMessage = (message) => message;' }),
    native: start({ name: 'sh', runtime: 'NATIVE', handler: 'run' }, { run: '#!/bin/sh\nexec cat\n' }),
  };
  for (const [kind, worker] of Object.entries(workers)) {
    const { end } = await run(worker, message);
    t.equal(end.outcome === 'reply' && end.content === message, true, kind);
  }
});

t.test('an agent that bypasses its worker to write deltas beyond the bound is killed', async (t) => {
  const { start } = stage(t);
  const flood = `
import json, os
def process_message(message, context):
    line = (json.dumps({"type": "delta", "run": context["run"], "text": "x" * 65536}) + "\\n").encode()
    while True:
        data = memoryview(line)
        while data: data = data[os.write(3, data):]
`;
  const { end, deltas } = await run(start({ name: 'flood' }, { 'main.py': flood }), 'x', '{"run":"run-FLOOD"}', { runId: 'run-FLOOD' });
  t.match(end, TOO_LARGE);
  t.equal(deltas.join('').length, MAX_REPLY_BYTES);
});

const CLEANING = `
import asyncio, time
def process_message(message, context):
    return globals()[message]()
def mark(): open("closed", "a").write("x")
def large():
    try:
        while True: yield "x" * 100000
    finally: mark()
async def alarge():
    try:
        while True: yield "x" * 100000
    finally:
        await asyncio.sleep(0)
        mark()
def blocks():
    try:
        print("at work", flush=True)
        time.sleep(1000)
    finally: mark()
def yields():
    try:
        yield "at work"
        time.sleep(1000)
    finally: mark()
async def waits():
    try:
        print("at work", flush=True)
        await asyncio.sleep(1000)
    finally:
        await asyncio.sleep(0)
        mark()
async def ayields():
    try:
        yield "at work"
        await asyncio.sleep(1000)
    finally: mark()
def loops():
    return asyncio.run(waits())
def stubborn():
    while True:
        try:
            print("at work", flush=True)
            time.sleep(1000)
        except BaseException: mark()
`;
const CLEANING_NODE = `
import { appendFileSync } from 'node:fs';
const mark = () => appendFileSync('closed', 'x');
const kinds = {
  *large() { try { for (;;) yield 'x'.repeat(100000); } finally { mark(); } },
  async *alarge() { try { for (;;) yield 'x'.repeat(100000); } finally { await null; mark(); } },
  async *ayields() { try { for (;;) { yield 'at work'; await new Promise((done) => setTimeout(done, 20)); } } finally { mark(); } },
  async *hangs() { yield 'at work'; await new Promise(() => undefined); },
  iterates() {
    return { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: 'x'.repeat(100000) }), return: async () => mark() }) };
  },
};
export const processMessage = (message) => kinds[message]();
`;

t.test("a generator that is left before its end runs its agent's `finally`: at the bound, and when its run is interrupted", async (t) => {
  for (const [runtime, file, source, large, interrupted] of [
    ['PYTHON', 'main.py', CLEANING, ['large', 'alarge'], ['blocks', 'yields', 'waits', 'ayields', 'loops', 'stubborn']],
    ['NODE', 'index.mjs', CLEANING_NODE, ['large', 'alarge', 'iterates'], ['ayields']],
  ] as const) {
    const { directory, start } = stage(t);
    const closed = () => {
      const path = join(directory, 'session', 'workspace', 'closed');
      return existsSync(path) ? readFileSync(path, 'utf8').length : 0;
    };
    let worker = start({ name: 'cleans', runtime }, { [file]: source });
    let count = 0;
    for (const kind of large) {
      t.match((await run(worker, kind)).end, TOO_LARGE, `${runtime} ${kind}`);
      count += 1;
      t.equal(closed(), count, `${runtime} ${kind}`);
      t.equal(worker.alive, true);
    }
    for (const kind of interrupted) {
      const atWork = (text: string) => text.includes('at work') && worker.interrupt();
      const { end } = await run(worker, kind, '{}', { delta: atWork, line: (_stream, line) => atWork(line) });
      t.match(end, failed('agent_died', /SIGKILL/), `${runtime} ${kind}`);
      t.ok(closed() > count, `${runtime} ${kind}`);
      count = closed();
      worker = start({ name: 'cleans', runtime }, {});
    }
  }
});

t.test('an interrupted Node.js agent that cannot return is killed anyway, and a native one can clean up', async (t) => {
  const { directory, start } = stage(t);
  const hanging = start({ name: 'hangs', runtime: 'NODE' }, { 'index.mjs': CLEANING_NODE });
  t.match((await run(hanging, 'hangs', '{}', { delta: () => hanging.interrupt() })).end, failed('agent_died', /SIGKILL/));
  const script = `#!/bin/sh
trap 'echo closed > closed; exit 9' TERM
echo ready >&2
while :; do sleep 0.05; done
`;
  const native = start({ name: 'sh', runtime: 'NATIVE', handler: 'run' }, { run: script });
  await run(native, 'x', '{}', { line: () => native.interrupt() });
  t.equal(readFileSync(join(directory, 'session', 'workspace', 'closed'), 'utf8'), 'closed\n');
});

const TICKING = `
import asyncio
ticks = 0
background = None
async def tick():
    global ticks
    while True:
        await asyncio.sleep(0.005)
        ticks += 1
        open("ticks", "w").write(str(ticks))
async def process_message(message, context):
    global background
    if message == "start": background = asyncio.create_task(tick())
    return str(ticks)
`;
const TICKING_AT_LOAD = `
import asyncio, sys
sys.path.insert(0, "")
async def tick():
    for number in range(1000000):
        open("ticks", "w").write(str(number))
        await asyncio.sleep(0.005)
loop = asyncio.get_event_loop()
loop.create_task(tick())
def process_message(message, context):
    asyncio.run(asyncio.sleep(0))
    return "sync"
`;
const TICKING_NODE = `
import { writeFileSync } from 'node:fs';
let ticks = 0;
export async function processMessage(message) {
  if (message === 'start') setInterval(() => writeFileSync('ticks', String(++ticks)), 5);
  return String(ticks);
}
`;

t.test('tasks of an agent’s event loop continue between messages', async (t) => {
  for (const [runtime, file, source] of [
    ['PYTHON', 'main.py', TICKING],
    ['PYTHON', 'main.py', TICKING_AT_LOAD],
    ['NODE', 'index.mjs', TICKING_NODE],
  ] as const) {
    const { directory, start } = stage(t);
    const path = join(directory, 'session', 'workspace', 'ticks');
    const ticks = () => Number(existsSync(path) ? readFileSync(path, 'utf8') : 0);
    const worker = start({ name: 'ticks', runtime }, { [file]: source });
    for (const message of ['start', 'again', 'and again']) {
      t.match((await run(worker, message)).end, { outcome: 'reply' });
      const before = ticks();
      while (ticks() < before + 3) await turn();
    }
  }
});
