/** After a restore from a backup that does not know it, a node says itself what it is called: it gets no other's rule, and does not lose its own. */
import t from 'tap';
import type { NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { parseNodeRules } from '../../../../controller/domain/nodes/node-rules.ts';
import { openCore } from '../core.ts';
import { fleetOver, hello } from '../fleet/world.ts';

const ID = '0f1e2d3c-0000-4000-8000-000000000000' as NodeId;
const OLD = { epoch: 1, incarnation: 3, hostname: 'trusted' };

async function afterRestore(rules: string) {
  const core = await openCore({});
  const { directory, connect } = fleetOver(t, core, { epoch: 2, rules: parseNodeRules(rules) });
  const space: SpaceId | undefined = core.store.view.spaceByName('default')?.id;
  const node = connect(ID, hello(OLD));
  await node.until(() => node.of('assignmentSet')[0]);
  const [known] = directory.nodes();
  return { known, mayHaveDefault: space !== undefined && (known?.spaces === undefined || known.spaces.has(space)), space };
}

t.test('one that takes the name of another gets nothing by it', async (t) => {
  const { known, mayHaveDefault, space } = await afterRestore('{"trusted": {"spaces": ["default"]}, "*": {"spaces": []}}');
  t.ok(space, 'the space is there');
  t.equal(known?.name, 'trusted-0f1e2d3c');
  t.notOk(mayHaveDefault);
});

t.test('one that takes a name without a rule gets nothing either, until a rule names it so', async (t) => {
  t.notOk((await afterRestore('{"kept-out": {"spaces": []}}')).mayHaveDefault);
  t.ok((await afterRestore('{"trusted-0f1e2d3c": {"spaces": ["default"]}}')).mayHaveDefault);
});

t.test('where no rule goes by a name, it is called as it says', async (t) => {
  for (const rules of ['{}', '{"*": {"cpu": 2}}']) {
    const { known, mayHaveDefault } = await afterRestore(rules);
    t.equal(known?.name, 'trusted');
    t.ok(mayHaveDefault);
  }
});
