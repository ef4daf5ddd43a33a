import t from 'tap';
import { CallGraph, MAX_DEPTH, MAX_HOPS_OF_TURN, MAX_OUTSTANDING } from '../../../guest/hops/call-graph.ts';
import { below, type Call, type Run } from '../../../guest/hops/calls.ts';
import { canEnd } from '../../../guest/hops/wait-for.ts';
import { seeded } from '../journal/simulated-disk.ts';

const graphOf = (places: Record<string, number> = {}) => new CallGraph((agent) => places[agent] ?? 1);

/** Asks, and returns the run, which must begin at once. */
function asked(graph: CallGraph, asker: Run, agent: string): Run {
  const call = graph.ask(asker, agent);
  const [run] = graph.beginWaiting();
  if (typeof call === 'string' || run?.call !== call) throw new Error(`${asker.agent} cannot ask ${agent}: ${String(call)}`);
  return run;
}

function waits(graph: CallGraph, asker: Run, agent: string): Call {
  const call = graph.ask(asker, agent);
  if (typeof call === 'string' || graph.beginWaiting().length > 0) throw new Error(`${agent} is not busy: ${String(call)}`);
  return call;
}

t.test('an agent works on as many runs as it has places, and the rest wait in order', async (t) => {
  const graph = graphOf({ a: 3, b: 2 });
  const [one, two, three] = ['1', '2', '3'].map((id) => graph.open(id, 'a'));
  if (!one || !two || !three) throw new Error('no runs');
  t.notOk(graph.canOpen('a'));
  const first = asked(graph, one, 'b');
  const second = asked(graph, two, 'b');
  t.same([first.slot, second.slot], [0, 1]);
  const third = waits(graph, three, 'b');
  const fourth = waits(graph, one, 'b');
  graph.end(first.call);
  t.same(
    graph.beginWaiting().map(({ call, slot }) => [call === third, slot]),
    [[true, 0]],
  );
  graph.withdraw(fourth);
  graph.end(second.call);
  t.same(graph.beginWaiting(), []);
});

t.test('messages begin beside messages of the same agent only, and behind what hops have of its places', async (t) => {
  const graph = graphOf({ a: 2 });
  const run = graph.open('1', 'a');
  t.same([graph.canOpen('a'), graph.canOpen('b')], [true, false]);
  t.equal(graph.handOver(run, 'b'), undefined);
  const [b] = graph.beginWaiting();
  if (!b) throw new Error('b has not begun');
  asked(graph, b, 'a');
  t.ok(graph.canOpen('a'), 'one place is left');
  graph.open('2', 'a');
  t.notOk(graph.canOpen('a'));
  graph.end(b.call);
  t.notOk(graph.canOpen('a'), 'the ask of an ended run still has its place');
});

t.test('nobody asks itself or one of its callers, nor hands over to one that waits', async (t) => {
  const graph = graphOf();
  const a = graph.open('1', 'a');
  t.equal(graph.ask(a, 'a'), 'cycle');
  const b = asked(graph, a, 'b');
  const c = asked(graph, b, 'c');
  for (const agent of ['a', 'b', 'c']) {
    t.equal(graph.ask(c, agent), 'cycle');
    t.equal(graph.handOver(c, agent), 'cycle');
  }
  t.equal(graph.handOver(c, 'd'), undefined);
  const [d] = graph.beginWaiting();
  t.same(d && [d.call === c.call, graph.ask(d, 'b')], [true, 'cycle']);
  t.equal(d && typeof graph.ask(d, 'c'), 'object', 'c has handed over and does not wait');
});

t.test('a message passes back and forth once, not for ever', async (t) => {
  const graph = graphOf();
  const a = graph.open('1', 'a');
  t.equal(graph.handOver(a, 'b'), undefined);
  const [b] = graph.beginWaiting();
  t.equal(b && graph.handOver(b, 'a'), undefined);
  const [again] = graph.beginWaiting();
  t.equal(again && graph.handOver(again, 'b'), 'cycle');
  t.equal(again && graph.handOver(again, 'c'), undefined);
});

t.test('depth, asks at once and hops of a message are bounded', async (t) => {
  const graph = graphOf({ many: 100 });
  let run = graph.open('1', 'agent-0');
  for (let depth = 1; depth <= MAX_DEPTH; depth += 1) run = asked(graph, run, `agent-${depth}`);
  t.equal(graph.ask(run, 'other'), 'too_deep');
  t.equal(graph.handOver(run, 'other'), 'too_deep');
  for (let at = MAX_DEPTH; at < MAX_OUTSTANDING; at += 1) asked(graph, graph.roots.get('1')?.run ?? run, 'many');
  t.equal(graph.ask(graph.roots.get('1')?.run ?? run, 'many'), 'too_many_hops');
  const { turn } = run.call;
  for (let at = 0; at < MAX_HOPS_OF_TURN; at += 1) t.ok(graph.admits(turn));
  t.notOk(graph.admits(turn));
});

t.test('the ask or hand-over that would close a deadlock between branches is refused', async (t) => {
  const graph = graphOf();
  const a = graph.open('1', 'a');
  const b = asked(graph, a, 'b');
  const c = asked(graph, a, 'c');
  const waiting = waits(graph, b, 'c');
  t.equal(graph.ask(c, 'b'), 'deadlock');
  t.equal(graph.handOver(c, 'b'), undefined, 'c then has ended, and b goes on');
  t.same(
    graph.beginWaiting().map(({ call }) => call === waiting),
    [true],
  );

  const two = graphOf({ b: 2 });
  const root = two.open('1', 'a');
  const [left, right] = [asked(two, root, 'b'), asked(two, root, 'c')];
  waits(two, left, 'c');
  const other = two.ask(right, 'b');
  t.equal(typeof other, 'object', 'b has another place');
});

t.test('whatever agents ask in whatever order, all runs can end, and no agent has more runs than places', async (t) => {
  const agents = ['a', 'b', 'c', 'd', 'e'];
  const refusals = new Set<string>();
  for (let seed = 1; seed <= 300; seed += 1) {
    const fraction = seeded(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(fraction() * list.length)] as T;
    const places: Record<string, number> = Object.fromEntries(agents.map((agent) => [agent, pick([1, 1, 2, 3])]));
    const graph = graphOf(places);
    let messages = 0;
    const check = (what: string) => {
      for (const agent of agents) {
        const slots = graph.runsOf(agent).map(({ slot }) => slot);
        if (slots.length > (places[agent] ?? 1) || new Set(slots).size < slots.length)
          t.fail(`seed ${seed}, ${what}: ${agent} has ${slots}`);
      }
      const free = (agent: string) => graph.runsOf(agent).length < (places[agent] ?? 1);
      if (canEnd(graph.runs, free).size < graph.runs.size) t.fail(`seed ${seed}, ${what}: runs wait for one another`);
      for (const call of graph.waiting) if (free(call.agent)) t.fail(`seed ${seed}, ${what}: a call waits for a free place`);
    };
    const idle = () => [...graph.runs].filter(({ asks }) => asks.size === 0);
    for (let step = 0; step < 200; step += 1) {
      const run = pick([...graph.runs]);
      const deed = fraction();
      const agent = pick(agents);
      if (run === undefined || deed < 0.1) {
        messages += 1;
        if (graph.canOpen(agent)) graph.open(String(messages), agent);
      } else if (deed < 0.6) {
        const call = graph.ask(run, agent);
        if (typeof call === 'string') refusals.add(call);
      } else if (deed < 0.7) {
        const leaf = pick(idle());
        const refused = leaf && graph.handOver(leaf, agent);
        if (refused) refusals.add(refused);
      } else if (deed < 0.95) {
        const leaf = pick(idle());
        if (leaf) graph.end(leaf.call);
      } else {
        // An asker ends: everything below is withdrawn or ends, from the leaves up.
        const { runs, waiting } = below(run.call);
        for (const call of waiting) {
          graph.withdraw(call);
          graph.end(call);
        }
        for (const one of runs.toReversed()) graph.end(one.call);
      }
      graph.beginWaiting();
      check(`step ${step}`);
    }
    // Everything then ends, one leaf after another.
    for (let left = 10_000; graph.runs.size > 0 && left > 0; left -= 1) {
      const leaf = idle()[0];
      if (!leaf) break;
      graph.end(leaf.call);
      graph.beginWaiting();
    }
    t.same([graph.runs.size, graph.waiting.size, graph.roots.size], [0, 0, 0], `seed ${seed}`);
  }
  t.same(
    [...refusals].toSorted(),
    ['cycle', 'deadlock', 'too_deep', 'too_many_hops'].filter((one) => refusals.has(one)),
  );
  t.ok(refusals.has('deadlock') && refusals.has('cycle'));
});
