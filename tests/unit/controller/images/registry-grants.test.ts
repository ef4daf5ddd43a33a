import t from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { BASE_REPOSITORY } from '../../../../controller/domain/images/repository.ts';
import { RegistryGrants } from '../../../../controller/services/images/registry-grants.ts';
import { HandClock } from '../../hand-clock.ts';
import { NODE, OTHER_NODE } from '../core.ts';

t.test('what passes is remembered of nodes that are asked for something, and no longer', async (t) => {
  const clock = new HandClock();
  const grants = new RegistryGrants(clock);
  const grant = { nodeId: NODE, image: 'base', repository: BASE_REPOSITORY };
  const [withdraw, also] = [grants.give(grant), grants.give({ ...grant, image: 'other' })];
  grants.passed(NODE);
  for (const id of [OTHER_NODE, 'of-base-images' as NodeId]) {
    grants.passed(id);
    t.equal(grants.passedAtMs(id), undefined, 'anybody can pull base images');
  }
  withdraw();
  t.equal(grants.passedAtMs(NODE), clock.monotonic());
  also();
  t.equal(grants.passedAtMs(NODE), undefined);
});
