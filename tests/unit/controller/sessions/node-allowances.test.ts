/** What a node claims, and what the operator lets it have: capacity, spaces, and the secrets of those alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { NO_RULES, parseNodeRules, ruleFor, SANE_NODE, within } from '../../../../controller/domain/nodes/node-rules.ts';
import { shortOf } from '../../../../controller/domain/sessions/placement/filters.ts';
import { place } from '../../../../controller/domain/sessions/placement/placement.ts';
import { DEFAULT_LIMITS, DEFAULT_REQUESTS } from '../../../../controller/domain/sessions/session-sizes.ts';
import { readSettings } from '../../../../controller/settings/settings.ts';
import { NODE, newSession, OTHER_NODE, openCore, SPACE } from '../core.ts';
import { fleetOver, hello, joins, S } from '../fleet/world.ts';

t.test('a claim counts up to what the operator says of the node, and never beyond what a machine can have', (t) => {
  const claimed = { cpuMillis: 4_000_000_000, memoryBytes: 2 ** 60, maxSessions: 0 };
  t.same(within(ruleFor(NO_RULES, 'a'), claimed), { cpuMillis: SANE_NODE.cpuMillis, memoryBytes: SANE_NODE.memoryBytes, maxSessions: 0 });
  const rules = parseNodeRules('{"a": {"cpu": 8.5, "memory_bytes": 1024, "sessions": 10}, "*": {"cpu": 2}}');
  t.same(within(ruleFor(rules, 'a'), claimed), { cpuMillis: 8500, memoryBytes: 1024, maxSessions: 10 });
  t.same(within(ruleFor(rules, 'a'), { cpuMillis: 1, memoryBytes: 1, maxSessions: 5 }), { cpuMillis: 1, memoryBytes: 1, maxSessions: 5 });
  t.equal(within(ruleFor(rules, 'another'), claimed).cpuMillis, 2000, 'the rule for all others');
  t.end();
});

t.test('what a node reserves is left free by new sessions, for those that wake', async (t) => {
  const core = await openCore();
  await joins(core, NODE);
  const rules = parseNodeRules('{"*": {"cpu": 1, "reserved": {"cpu": 0.9}}}');
  t.same(ruleFor(rules, NODE).reserved, { cpuMillis: 900, memoryBytes: 0 });
  for (const wrong of ['{"cpu": -1}', '{"memory_bytes": 0.5}', '{"gpu": 1}', '1'])
    t.throws(() => parseNodeRules(`{"*": {"reserved": ${wrong}}}`), /reserved/, wrong);
  const { directory, connect } = fleetOver(t, core, { rules });
  const node = connect(NODE);
  await node.until(() => node.of('assignmentSet')[0]);
  const need = (cpuMillis: number) => ({
    ...{ spaceId: SPACE, requests: { ...DEFAULT_REQUESTS, cpuMillis }, limits: DEFAULT_LIMITS, image: 'base' },
  });
  t.match(place(directory.nodes(), need(100)), { ok: true });
  t.match(place(directory.nodes(), need(101)), {
    obstacles: [
      {
        filter: 'cpu',
        reason: 'has 0.1 CPU of 1 CPU left besides 0.9 CPU reserved for sessions that wake, but the session requests 0.101 CPU',
      },
    ],
  });
  const known = directory.node(NODE);
  if (known === undefined) throw new Error('there is no node');
  t.equal(shortOf(known, need(1000), directory.sizes), undefined);
  t.match(shortOf(known, need(1001), directory.sizes), /^has 1 CPU of 1 CPU left, but/);
});

t.test('a node that claims millions and lies of its images draws no session of a space that is not its own', async (t) => {
  const core = await openCore();
  for (const id of [NODE, OTHER_NODE]) await joins(core, id);
  const rules = parseNodeRules(JSON.stringify({ [OTHER_NODE]: { spaces: ['hers'], cpu: 4 } }));
  const secrets = { of: () => ({ version: 1, values: { KEY: 'value' } }) };
  const { directory, connect } = fleetOver(t, core, { rules, secrets });
  connect(NODE);
  const liar = connect(OTHER_NODE, hello({ capacity: { cpuMillis: 4_000_000_000, memoryBytes: 2 ** 47, sessions: 0 } }));
  await liar.until(() => liar.of('assignmentSet')[0]);
  const known = directory.node(OTHER_NODE);
  t.equal(known?.cpuMillis, 4000);
  const need = (spaceId: SpaceId) => ({ spaceId, requests: DEFAULT_REQUESTS, limits: DEFAULT_LIMITS, image: 'base' });
  for (let i = 0; i < 20; i += 1) t.same(place(directory.nodes(), need(SPACE)), { ok: true, nodeId: NODE });

  // The space that is its own is found when it is made, and lost when it is renamed.
  const space = core.store.view.get('spaces', SPACE);
  if (space === undefined) throw new Error('there is no space');
  const rename = (name: string) =>
    core.applier.apply({
      name: 'rename',
      decide: () => ({ mutations: [put('spaces', { ...space, name })], events: [], result: undefined }),
    });
  await rename('hers');
  const both = new Set(
    Array.from(
      { length: 2 },
      () =>
        place(
          directory.nodes().filter(({ id }) => id === OTHER_NODE),
          need(SPACE),
        ).ok,
    ),
  );
  t.same([...both], [true]);

  await core.applier.submit(newSession({ id: S }));
  await core.applier.apply({
    name: 'move',
    decide: () => ({ mutations: [put('sessions', { ...core.session(S), nodeId: OTHER_NODE })], events: [], result: undefined }),
  });
  const ask = () => {
    liar.say({ kind: 'secretsRequest', value: { sessionId: S, generation: 1, version: 1 } });
    return liar.of('secrets').at(-1)?.values;
  };
  t.same(ask(), { KEY: 'value' });
  await rename('not hers any more');
  t.same(ask(), {}, 'a session that is still there gets no secrets');
});

t.test('the file of rules is read at the start, and a mistake in it is named', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-rules-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'rules.json');
  const read = (text: string) => {
    writeFileSync(path, text);
    return readSettings({ RAWORC_NODE_RULES_FILE: path });
  };
  const good = read('{"node-1": {"spaces": ["team-a"]}}');
  t.same(good.ok && good.value.nodes.bounds.rules.get('node-1')?.spaces, ['team-a']);
  for (const [text, problem] of [
    ['{', /RAWORC_NODE_RULES_FILE.*not valid JSON/],
    ['{"node-1": {"space": ["a"]}}', /Unrecognized key/],
    ['{"node-1": {"cpu": -1}}', /cpu/],
  ] as const) {
    const bad = read(text);
    t.match(bad.ok ? '' : bad.refusal.message, problem);
  }
  t.match(readSettings({ RAWORC_JOIN_CONNECTIONS: 'many' }), { ok: false, refusal: { message: /RAWORC_JOIN_CONNECTIONS/ } });
  t.match(readSettings({ RAWORC_JOIN_CONNECTIONS: '7', RAWORC_JOIN_CONNECTS_PER_S: '2' }), {
    value: { nodes: { bounds: { joinBounds: { inAll: 7, rates: { inAll: { perSecond: 2, burst: 32 } } } } } },
  });
  t.end();
});
