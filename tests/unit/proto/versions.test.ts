import t from 'tap';
import { commonVersion, NODE_PROTOCOL, namedVersions, shown, versionGap, versionsOf } from '../../../proto/versions.ts';

const range = (oldest: number, newest = oldest) => ({ oldest, newest });

t.test('neighbouring releases agree on the older version, and others on none', async (t) => {
  for (const [node, controller, agreed] of [
    [range(1, 2), range(1, 2), 2],
    [range(1), range(1, 2), 1],
    [range(1, 2), range(2, 3), 2],
    [range(2, 3), range(1, 2), 2],
    [range(1), range(2, 3), undefined],
    [range(3, 4), range(1, 2), undefined],
  ] as const)
    t.equal(commonVersion(node, controller), agreed, `${shown(node)}, ${shown(controller)}`);
});

t.test('the refusal names the side to upgrade', async (t) => {
  t.equal(
    versionGap(range(1), range(2, 3)),
    'The node agent speaks protocol version 1, this controller protocol versions 2 to 3. Upgrade the node agent.',
  );
  t.match(versionGap(range(3, 4), range(1, 2)), /Upgrade the controller\.$/);
});

t.test('a hello from before the negotiation names one version', async (t) => {
  t.same(versionsOf({ protocolVersion: 1, newestProtocolVersion: 0 }), range(1));
  t.same(versionsOf(namedVersions(NODE_PROTOCOL)), NODE_PROTOCOL);
});

t.test('this release speaks its own version and the one before', async (t) => {
  t.equal(NODE_PROTOCOL.newest - NODE_PROTOCOL.oldest, 1);
});
