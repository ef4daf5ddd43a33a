import t from 'tap';
import type { FleetNode } from '../../../../controller/domain/engine/fleet.ts';
import { refused } from '../../../../controller/domain/engine/outcome.ts';
import { strangerMethods } from '../../../../controller/grpc/stranger-methods.ts';
import { nodeObject } from '../../../../controller/services/nodes/node-object.ts';
import { joinMethod } from '../../../../proto/node-service.ts';
import { NODE_PROTOCOL, namedVersions, type Versions } from '../../../../proto/versions.ts';
import { systemClock } from '../../../../seams/system.ts';
import { NODE } from '../core.ts';
import { cluster, hello, inventory } from '../fleet/world.ts';

const KEY = `key-${NODE}`;
const { oldest, newest } = NODE_PROTOCOL;
const speaks = (versions: Versions) => hello(namedVersions(versions));

async function world(t: Parameters<typeof cluster>[0]) {
  const { core, fleet, alarms, directory, connect } = await cluster(t);
  const conditions = () => {
    const node = directory.node(NODE);
    if (node === undefined) throw new Error('the node is unknown');
    return shownConditions(node).filter(({ type }) => type === 'Version');
  };
  const shownConditions = (node: FleetNode) =>
    nodeObject({ view: core.store.view, fleet, alarms, directory, clock: systemClock, leaseMs: 15_000 }, node).conditions;
  const greet = async (versions: Versions) => {
    const node = connect(NODE, speaks(versions), inventory, KEY);
    await node.until(() => node.of('assignmentSet')[0] ?? node.fault);
    return node;
  };
  return { conditions, greet };
}

t.test('a stream uses the highest common version, and the node says which side is older', async (t) => {
  const { conditions, greet } = await world(t);
  const older = await greet({ oldest: oldest - 1, newest: oldest });
  t.equal(older.of('welcome')[0]?.protocolVersion, oldest);
  t.match(conditions(), [{ message: /They work together\. Upgrade the node agent before/ }]);
  const newer = await greet({ oldest: newest, newest: newest + 1 });
  t.equal(newer.of('welcome')[0]?.protocolVersion, newest);
  t.match(conditions(), [{ message: /Upgrade the controller before/ }]);
  newer.link.close();
  const same = await greet(NODE_PROTOCOL);
  t.equal(same.of('welcome')[0]?.protocolVersion, newest);
  t.same(conditions(), []);
});

t.test('a node agent without a common version is refused, with a condition until an upgraded one connects', async (t) => {
  const { conditions, greet } = await world(t);
  const tooNew = await greet({ oldest: newest + 1, newest: newest + 2 });
  t.match(tooNew.fault?.message, /Upgrade the controller\.$/);
  t.match(conditions(), [{ message: /^The node agent speaks .* Upgrade the controller\.$/, since: String }]);
  const fits = await greet(NODE_PROTOCOL);
  t.notOk(fits.closed);
  t.same(conditions(), []);
});

t.test('a join without a common version is refused before its token is used', async (t) => {
  let joins = 0;
  const methods = strangerMethods({
    join: async () => {
      joins += 1;
      return refused('UNAUTHORIZED', 'the join was tried');
    },
    renewal: { renew: async () => refused('UNAUTHORIZED', 'no'), challenge: () => ({ challenge: '', nowMs: 0 }) },
  });
  const join = (versions: object) => {
    const request = { tokenId: 't', tokenSecret: 's', csrDer: Buffer.from('c'), nodeName: 'n', labels: {}, ...versions };
    return methods.get(joinMethod.path)?.call(joinMethod.requestSerialize(request), '127.0.0.1:1');
  };
  t.match(await join(namedVersions({ oldest: newest + 1, newest: newest + 1 })), { refusal: { message: /Upgrade the controller/ } });
  t.equal(joins, 0);
  for (const versions of [{}, namedVersions(NODE_PROTOCOL)]) t.match(await join(versions), { refusal: { message: 'the join was tried' } });
  t.equal(joins, 2);
});
