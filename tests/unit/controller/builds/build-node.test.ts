import t from 'tap';
import { nodeToBuildOn } from '../../../../controller/domain/builds/build-node.ts';
import type { FleetNode } from '../../../../controller/domain/engine/fleet.ts';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { node, SPACE } from '../core.ts';

const fleetNode = (name: string, more: Partial<FleetNode> = {}): FleetNode => ({
  ...node(name as NodeId, { cpuMillis: 1000 }),
  ...{ requested: { cpuMillis: 0, memoryBytes: 0 }, sessions: 0, limited: { memoryBytes: 0, diskBytes: 0, processes: 0 } },
  ...more,
});
const asked = (cpuMillis: number) => ({ requested: { cpuMillis, memoryBytes: 0 } });
const chosen = (nodes: readonly FleetNode[], inProgress: Readonly<Record<string, number>> = {}) =>
  nodeToBuildOn(
    nodes,
    { baseImage: 'base', spaceId: SPACE, agents: [], unfetched: [] },
    new Map(Object.entries(inProgress)) as ReadonlyMap<string, number> as ReadonlyMap<NodeId, number>,
  )?.name;

t.test('a build goes to the node with the fewest builds, then with the least requested of it', (t) => {
  const [a, b, c] = [fleetNode('a', asked(900)), fleetNode('b', asked(100)), fleetNode('c', { ...asked(300), cpuMillis: 8000 })];
  t.equal(chosen([a, b, c]), 'c', 'by share, not by amount');
  t.equal(chosen([a, b, c], { c: 1 }), 'b');
  t.equal(chosen([a, b, c], { b: 1, c: 2 }), 'a');
  t.equal(chosen([fleetNode('x', { sessions: 2 }), fleetNode('y', { sessions: 1 })]), 'y');
  t.end();
});

t.test('only nodes that are ready, take work and hold the base image count', (t) => {
  t.equal(chosen([fleetNode('a', { ready: false }), fleetNode('b', { images: new Set() })]), undefined);
  t.equal(chosen([fleetNode('a', { unschedulable: 'no disk' }), fleetNode('b', asked(999))]), 'b');
  t.equal(chosen([fleetNode('a', { spaces: new Set() }), fleetNode('b', { ...asked(999), spaces: new Set([SPACE]) })]), 'b');
  t.equal(chosen([]), undefined);
  t.end();
});
