/** How real workers ask other agents and hand over: Python and Node.js, in every way that the languages have. */
import t from 'tap';
import type { Peers, RunEnd, WorkerEnd } from '../../../guest/runs/worker-host.ts';
import { failed, reply, run, stage, turn } from './stage.ts';

interface Asked {
  readonly agent: string;
  readonly content: string;
}

/** Peers of which `echo` answers, `fails` does not, and `slow` answers once three asks are there. */
function peers(): Peers & { readonly asked: Asked[]; readonly dropped: string[] } {
  const asked: Asked[] = [];
  const dropped: string[] = [];
  const slow = Promise.withResolvers<void>();
  return {
    asked,
    dropped,
    async ask(agent, content, signal): Promise<RunEnd> {
      asked.push({ agent, content });
      signal?.addEventListener('abort', () => dropped.push(content));
      if (agent === 'never') return new Promise(() => undefined);
      if (agent === 'fails') return { outcome: 'error', reason: 'cycle', content: 'it waits itself' };
      if (asked.filter((one) => one.agent === 'slow').length >= 3) slow.resolve();
      if (agent === 'slow') await slow.promise;
      return { outcome: 'reply', content: `${agent}: ${content}` };
    },
  };
}

const PYTHON = `
import asyncio, json, threading
from raworc import AskError, handoff

def process_message(message, context):
    return globals()[message](context)

def blocking(context):
    return context.ask("echo", "ü") + "; " + context.ask("echo", {"a": 1})
async def awaiting(context):
    return "; ".join(await asyncio.gather(*(context.ask("slow", str(n)) for n in range(3))))
def threads(context):
    answers = [None] * 3
    def ask(n): answers[n] = context.ask("slow", str(n))
    started = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for one in started: one.start()
    for one in started: one.join()
    return "; ".join(answers)
def generator(context):
    yield "it said "
    yield context.ask("echo", "x")
async def async_generator(context):
    yield "it said "
    yield await context.ask("echo", "x")
def own_loop(context):
    async def main(): return await context.ask("echo", "inside")
    return asyncio.run(main())
def error(context):
    try: context.ask("fails", "x")
    except AskError as error: return error.reason + ", " + str(error)
def unhandled(context):
    return context.ask("fails", "x")
async def abandoned(context):
    context.ask("never", "x")
    return "did not wait"
kept = None
def keep(context):
    global kept
    kept = context
    return "kept"
def late(context):
    try: return kept.ask("echo", "x")
    except AskError as error: return error.reason
def as_dict(context):
    import copy, pickle
    return json.dumps([isinstance(context, dict), type(pickle.loads(pickle.dumps(context))).__name__, "ask" in context,
        json.loads(json.dumps(context))["session_id"], copy.deepcopy(context) == context])
async def wait_for(context):
    try: await asyncio.wait_for(context.ask("never", "1"), 0.05)
    except asyncio.TimeoutError: pass
    try: await context.ask("never", "2", timeout=0.05)
    except AskError as error: return error.reason
def blocking_timeout(context):
    try: context.ask("never", "3", timeout=0.05)
    except AskError as error: return error.reason + ", " + context.ask("echo", "still", timeout=60)
def hands(context): return handoff("other")
def hands_more(context): return {"handoff": "other", "content": {"for": "you"}}
def text(context): return '{"handoff": "other"}'
def more_keys(context): return {"handoff": "other", "reason": "data"}
def after_pieces(context):
    yield "thinking"
    return handoff("other", "the rest")
`;
const NODE = `
import { createRequire } from 'node:module';
import { AskError, handoff } from 'raworc';
const all = {
  blocking: async (context) => \`\${await context.ask('echo', 'ü')}; \${await context.ask('echo', { a: 1 })}\`,
  awaiting: async (context) => (await Promise.all([0, 1, 2].map((n) => context.ask('slow', String(n))))).join('; '),
  async *generator(context) { yield 'it said '; yield await context.ask('echo', 'x'); },
  error: (context) => context.ask('fails', 'x').catch((error) => \`\${error instanceof AskError && error.reason}, \${error.message}\`),
  unhandled: (context) => context.ask('fails', 'x'),
  abandoned: (context) => { context.ask('never', 'x'); return 'did not wait'; },
  keep: (context) => { all.kept = context; return 'kept'; },
  late: () => all.kept.ask('echo', 'x').catch(({ reason }) => reason),
  as_dict: (context) => JSON.stringify([Object.keys(context).includes('ask'), 'ask' in JSON.parse(JSON.stringify(context))]),
  dropped: async (context) => {
    const late = await context.ask('never', '1', { signal: AbortSignal.timeout(50) }).catch(({ name }) => name);
    return \`\${late}, \${await context.ask('echo', 'still', { signal: AbortSignal.timeout(60_000) })}\`;
  },
  hands: () => createRequire(import.meta.url)('raworc').handoff('other'),
  hands_more: () => ({ handoff: 'other', content: { for: 'you' } }),
  text: () => '{"handoff": "other"}',
  more_keys: () => ({ handoff: 'other', reason: 'data' }),
  async *after_pieces() { yield 'thinking'; return handoff('other', 'the rest'); },
};
export const processMessage = (message, context) => all[message](context);
`;

const handed = (content: string): WorkerEnd => ({ outcome: 'handoff', agent: 'other', content });
const BOTH: readonly (readonly [string, unknown])[] = [
  ['blocking', reply('echo: ü; echo: {"a": 1}')],
  ['awaiting', reply('slow: 0; slow: 1; slow: 2')],
  ['generator', reply('it said echo: x')],
  ['error', reply('cycle, it waits itself')],
  ['unhandled', failed('agent_failed', /AskError: it waits itself/)],
  ['abandoned', reply('did not wait')],
  ['keep', reply('kept')],
  ['late', reply('asker_ended')],
  ['hands', handed('hands')],
  ['text', reply('{"handoff": "other"}')],
  ['after_pieces', handed('the rest')],
];

t.test('Python agents ask from any kind of handler, and hand over', async (t) => {
  const worker = stage(t).start({ name: 'py' }, { 'main.py': PYTHON });
  const more: typeof BOTH = [
    ['threads', reply('slow: 0; slow: 1; slow: 2')],
    ['async_generator', reply('it said echo: x')],
    ['own_loop', reply('echo: inside')],
    ['as_dict', reply('[true, "dict", false, "s", true]')],
    ['hands_more', handed('{"for": "you"}')],
    ['more_keys', reply('{"handoff": "other", "reason": "data"}')],
  ];
  for (const [message, expected] of [...BOTH, ...more]) {
    const { end } = await run(worker, message, '{"session_id":"s"}', { peers: peers() });
    t.match(end, expected, message);
  }
  t.ok(worker.alive);
});

t.test('Node.js agents ask from any kind of handler, and hand over', async (t) => {
  const worker = stage(t).start({ name: 'node', runtime: 'NODE' }, { 'index.mjs': NODE });
  const more: typeof BOTH = [
    ['as_dict', reply('[false,false]')],
    ['hands_more', handed('{"for":"you"}')],
    ['more_keys', reply('{"handoff":"other","reason":"data"}')],
  ];
  for (const [message, expected] of [...BOTH, ...more]) {
    const { end } = await run(worker, message, '{"session_id":"s"}', { peers: peers() });
    t.match(end, message === 'blocking' ? reply('echo: ü; echo: {"a":1}') : expected, message);
  }
  t.ok(worker.alive);
});

t.test('an ask for which nobody waits any more is interrupted', async (t) => {
  const { start } = stage(t);
  const python = start({ name: 'py' }, { 'main.py': PYTHON });
  const node = start({ name: 'node', runtime: 'NODE' }, { 'index.mjs': NODE });
  for (const [worker, message, content, dropped] of [
    [python, 'wait_for', 'agent_timeout', ['1', '2']],
    [python, 'blocking_timeout', 'agent_timeout, echo: still', ['3']],
    [node, 'dropped', 'TimeoutError, echo: still', ['1']],
  ] as const) {
    const others = peers();
    t.match((await run(worker, message, '{"session_id":"s"}', { peers: others })).end, reply(content), message);
    t.same(others.dropped, dropped);
  }
});

t.test('an agent whose own module is called raworc has that one', async (t) => {
  const { start } = stage(t);
  const py = start({ name: 'py' }, { 'raworc.py': 'x = "own"', 'main.py': 'import raworc\ndef process_message(m, c): return raworc.x' });
  t.match((await run(py, 'x')).end, reply('own'));
});

t.test('a run that asks while it is interrupted ends, in every language', async (t) => {
  const { start } = stage(t);
  const python = `
import asyncio
def process_message(message, context):
    return later(context) if message == "async" else context.ask("never")
async def later(context): return await context.ask("never")
`;
  const workers = [
    ['sync', start({ name: 'py' }, { 'main.py': python })],
    ['async', start({ name: 'py2' }, { 'main.py': python })],
    ['js', start({ name: 'js', runtime: 'NODE' }, { 'index.mjs': "export const processMessage = (_, context) => context.ask('never');" })],
  ] as const;
  for (const [message, worker] of workers) {
    const others = peers();
    const ended = run(worker, message, '{"session_id":"s"}', { peers: others });
    while (others.asked.length === 0) await turn();
    worker.interrupt();
    t.match((await ended).end, failed('agent_died', /./), message);
  }
});

t.test('an agent that asks without end is killed', async (t) => {
  const flood = `
import asyncio
async def process_message(message, context):
    while True:
        context.ask("never", "x")
        await asyncio.sleep(0)
`;
  const others = peers();
  const { end } = await run(stage(t).start({ name: 'py' }, { 'main.py': flood }), 'x', '{"session_id":"s"}', { peers: others });
  t.match(end, failed('agent_died', /./));
  t.equal(others.asked.length, 1000);
});
