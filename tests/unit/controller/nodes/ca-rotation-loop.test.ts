import t from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { loseNode } from '../../../../controller/domain/nodes/commands/node-absence.ts';
import { nodeConnected } from '../../../../controller/domain/nodes/commands/nodes.ts';
import { removeNode } from '../../../../controller/domain/nodes/commands/remove-node.ts';
import { type Authorities, caRotationLoop } from '../../../../controller/services/nodes/ca-rotation-loop.ts';
import { type Metrics, silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../core.ts';
import { cluster } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

t.setTimeout(30_000);

class FakeAuthorities implements Authorities {
  trusted = [{ hash: 'old' }];
  isAsked = false;
  finished = 0;
  #files: string[] = ['old'];
  #changed: () => void = () => undefined;

  get newest(): string {
    return this.trusted.at(-1)?.hash ?? '';
  }

  /** As the operator's rotate command does. */
  add(hash: string): void {
    this.#files.push(hash);
    this.#changed();
  }

  ask(): void {
    this.isAsked = true;
    this.#changed();
  }

  async reload(): Promise<boolean> {
    const before = this.trusted.length;
    this.trusted = this.#files.map((hash) => ({ hash }));
    return this.trusted.length !== before;
  }

  async isFinishRequested(): Promise<boolean> {
    return this.isAsked;
  }

  async finish(): Promise<void> {
    this.#files = this.#files.slice(-1);
    this.finished += 1;
    await this.reload();
  }

  watch(listener: () => void): { close(): void } {
    this.#changed = listener;
    return { close: () => undefined };
  }
}

const GREETING = {
  driver: 'hollow',
  version: '0',
  cpuMillis: 1,
  memoryBytes: 1,
  maxSessions: 0,
  bounds: null,
  incarnation: 1,
  hostname: 'h',
  boot: 1,
};

async function rotating(t: Parameters<typeof cluster>[0]) {
  const { core } = await cluster(t);
  const authorities = new FakeAuthorities();
  const loops = loopsOf(t, systemClock);
  const logged: object[] = [];
  const log = { ...silent, info: (event: string, fields?: object) => void logged.push({ event, ...fields }) };
  const gauges = new Map<string, () => unknown>();
  const metrics: Metrics = { ...silentMetrics, gauge: ({ name, read }) => void gauges.set(name, read) };
  caRotationLoop({ loops, applier: core.applier, view: core.store.view, log, metrics, authorities });
  loops.start();
  const [first, second] = core.store.view.nodes().map(({ id }) => id);
  if (first === undefined || second === undefined) throw new Error('the world has two nodes');
  const connects = (id: NodeId, issuer: string) =>
    core.applier.apply(nodeConnected(id, { ...GREETING, certificate: { issuedAt: 0, expiresAt: 1, issuer } }));
  const settles = async () => {
    for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
  };
  await settles();
  const waiting = () => logged.filter((line) => 'event' in line && line.event === 'authority.waiting');
  return { core, authorities, first, second, connects, settles, waiting, onOldCa: () => gauges.get('nodes_on_old_ca')?.() };
}

t.test('the old CA stays until every node has connected with the new one, and goes with the last', async (t) => {
  const { core, authorities, first, second, connects, settles, waiting, onOldCa } = await rotating(t);
  for (const id of [first, second]) await connects(id, 'old');
  t.equal(onOldCa(), 0, 'there is no other');
  authorities.add('new');
  await settles();
  t.equal(onOldCa(), 2);
  t.same(waiting(), [{ event: 'authority.waiting', nodes: `${first}, ${second}`, count: 2 }]);
  t.same(authorities.trusted.length, 2);
  await connects(first, 'new');
  await settles();
  t.equal(onOldCa(), 1);
  t.same(waiting().slice(1), [{ event: 'authority.waiting', nodes: second, count: 1 }], 'once for each change');
  await core.applier.apply(loseNode(second, () => false, 'admin'));
  await settles();
  t.equal(authorities.finished, 0, 'a lost node can return');
  await connects(second, 'new');
  while (authorities.finished === 0) await settles();
  t.same(authorities.trusted, [{ hash: 'new' }]);
  t.equal(onOldCa(), 0);
  await connects(second, 'new');
  await settles();
  t.equal(authorities.finished, 1);
});

t.test('a node that was removed is not waited for, and one of which nothing is known is', async (t) => {
  const { core, authorities, first, second, connects, settles } = await rotating(t);
  await connects(first, 'old');
  authorities.add('new');
  await connects(first, 'new');
  await settles();
  t.equal(authorities.finished, 0, 'the second never connected');
  t.match(await core.applier.apply(removeNode(second, true, 'admin')), { ok: true });
  while (authorities.finished === 0) await settles();
  t.pass('nobody else needs the old one');
});

t.test('an operator ends it although nodes are missing', async (t) => {
  const { authorities, first, connects, settles } = await rotating(t);
  await connects(first, 'old');
  authorities.add('new');
  await settles();
  t.equal(authorities.finished, 0);
  authorities.ask();
  while (authorities.finished === 0) await settles();
  t.same(authorities.trusted, [{ hash: 'new' }]);
});
