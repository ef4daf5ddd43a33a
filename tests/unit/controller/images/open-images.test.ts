/** The distribution of images over the streams of nodes. */
import t from 'tap';
import type { FleetNode } from '../../../../controller/domain/engine/fleet.ts';
import { recordImage } from '../../../../controller/domain/images/commands/record-image.ts';
import { BASE_REPOSITORY } from '../../../../controller/domain/images/repository.ts';
import { openImages } from '../../../../controller/services/images/open-images.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { NODE, silent } from '../core.ts';
import { cluster, type FakeNode, hello } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

const EMPTY: NodeFrame = { kind: 'inventory', value: { sessions: [], images: [], tombstones: [], orphans: [], part: 0, more: false } };
const pulling = <Known extends FleetNode | undefined>(node: Known) => node && { ...node, pulls: true };
const asked = (node: FakeNode) => node.until(() => node.of('pullImage')[0]);

t.test('a restarted node that replaces its stream, and so never left, is asked again for a pull', async (t) => {
  const { core, fleet, directory, connect } = await cluster(t);
  const registry = {
    ...{ isUp: true, onUp: () => undefined, lacks: async () => false },
    ...{ removeManifest: async () => 'removed' as const, collect: () => undefined },
  };
  const { images } = openImages(
    {
      ...{ loops: loopsOf(t), applier: core.applier, view: core.store.view, clock: systemClock, log: silent, metrics: silentMetrics },
      ...{ fleet, baseImage: 'base', registry },
      directory: { nodes: () => directory.nodes().map(pulling), node: (id) => pulling(directory.node(id)) },
    },
    () => ({ rebuilds: { forSession: () => undefined } }),
  );
  await core.applier.apply(recordImage('base', BASE_REPOSITORY, `sha256:${'d'.repeat(64)}`));
  const before = connect(NODE, hello(), EMPTY);
  t.match(await asked(before), { image: 'base' });
  const after = connect(NODE, hello({ boot: 2 }), EMPTY);
  before.link.close(new Error('the connection was lost'));
  t.match(await asked(after), { image: 'base' });
  t.ok(images?.grants.mayPull(NODE, BASE_REPOSITORY), 'with the right to pull it');
  after.say({ kind: 'imageMoved', value: { image: 'base', pushed: false, error: '' } });
  while (directory.node(NODE)?.images.has('base') !== true) await new Promise((resolve) => setImmediate(resolve));
  t.equal(after.of('pullImage').length, 1);
});
