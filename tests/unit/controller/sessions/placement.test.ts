import t from 'tap';
import type { FleetNode } from '../../../../controller/domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { shortOf } from '../../../../controller/domain/sessions/placement/filters.ts';
import { explain } from '../../../../controller/domain/sessions/placement/no-room.ts';
import { place } from '../../../../controller/domain/sessions/placement/placement.ts';
import { DEFAULT_LIMITS, DEFAULT_SIZE_RULES, GUEST_PROCESSES } from '../../../../controller/domain/sessions/session-sizes.ts';
import { RESERVED_PROCESSES } from '../../../../proto/reserved-processes.ts';
import { seeded } from '../core.ts';

const MIB = 1024 * 1024;
const need = { spaceId: 'space-1' as SpaceId, requests: { cpuMillis: 50, memoryBytes: 128 * MIB }, limits: DEFAULT_LIMITS, image: 'base' };

const node = (name: string, more: Partial<FleetNode> = {}): FleetNode => ({
  id: name as NodeId,
  name,
  ready: true,
  cpuMillis: 1000,
  memoryBytes: 1024 * MIB,
  maxSessions: 0,
  images: new Set(['base']),
  requested: { cpuMillis: 0, memoryBytes: 0 },
  sessions: 0,
  limited: { memoryBytes: 0, diskBytes: 0, processes: 0 },
  ...more,
});

t.test('each filter refuses what it is for, and says why', async (t) => {
  const table: [string, Partial<FleetNode>, RegExp][] = [
    ['ready', { ready: false }, /not connected/],
    ['conditions', { unschedulable: 'its disk is low.' }, /accepts no new sessions: its disk is low/],
    ['image', { images: new Set() }, /does not have the image base/],
    ['cpu', { requested: { cpuMillis: 951, memoryBytes: 0 } }, /0\.049 CPU of 1 CPU left, but the session requests 0\.05 CPU/],
    ['memory', { requested: { cpuMillis: 0, memoryBytes: 897 * MIB } }, /127 MiB of 1024 MiB left, but the session requests 128 MiB/],
    ['sessions', { maxSessions: 2, sessions: 2 }, /maximum of 2 sessions/],
  ];
  for (const [filter, more, reason] of table) {
    const placement = place([node('a', more)], need);
    if (placement.ok) return t.fail(`${filter} let it pass`);
    t.match(placement.obstacles, [{ node: 'a', filter, reason }]);
    t.match(explain(need, placement.obstacles), reason);
    t.ok(place([node('a', more), node('b')], need).ok, 'another node takes it');
  }
});

t.test('a request that just fits is placed', async (t) => {
  const full = node('a', { requested: { cpuMillis: 950, memoryBytes: 896 * MIB }, maxSessions: 3, sessions: 2 });
  t.same(place([full], need), { ok: true, nodeId: 'a' });
});

t.test('the least loaded node is taken, whatever the order of the fleet', async (t) => {
  const loaded = node('a', { requested: { cpuMillis: 500, memoryBytes: 0 }, sessions: 1 });
  const free = node('b');
  t.same(place([loaded, free], need), { ok: true, nodeId: 'b' });
  t.same(place([free, loaded], need), { ok: true, nodeId: 'b' });
  t.same(place([node('d'), node('c')], need), { ok: true, nodeId: 'c' });
});

t.test('a node without the image is refused, or with an image in the registry preferred less', async (t) => {
  const used = (cpuMillis: number) => ({ requested: { cpuMillis, memoryBytes: 0 } });
  const lacking = node('b', { images: new Set(), pulls: true });
  const inRegistry = { ...need, platforms: { inRegistry: new Set(['linux/amd64'] as const) } };
  t.match(place([lacking], need), { ok: false, obstacles: [{ filter: 'image' }] });
  t.match(place([{ ...lacking, pulls: false }], inRegistry), { ok: false, obstacles: [{ filter: 'image' }] });
  t.same(place([lacking], inRegistry), { ok: true, nodeId: 'b' });
  t.same(place([lacking, node('a', used(200))], inRegistry), { ok: true, nodeId: 'a' });
  t.same(place([lacking, node('a', used(400))], inRegistry), { ok: true, nodeId: 'b' }, 'but not at any price');
});

t.test('an image serves only the nodes of its platforms', async (t) => {
  const ARM = 'linux/arm64';
  const AMD = 'linux/amd64';
  const lacking = 'does not have the image base';
  const only = (platforms: string) => `runs images for ${ARM}, but the image base exists for ${platforms} only`;
  type Known = 'linux/amd64' | 'linux/arm64';
  for (const [what, more, platforms, reason] of [
    ['it has the image', { images: new Set(['base']) }, { inRegistry: new Set<Known>([AMD]) }, undefined],
    ['it can pull its own', {}, { inRegistry: new Set<Known>([AMD, ARM]) }, undefined],
    ['the registry has only another', {}, { inRegistry: new Set<Known>([AMD]), built: AMD }, only(AMD)],
    ['only a node of another platform has it', {}, { inRegistry: new Set<Known>(), built: AMD }, only(AMD)],
    ['it cannot pull', { pulls: false }, { inRegistry: new Set<Known>([ARM]) }, lacking],
    ['nobody knows it', {}, { inRegistry: new Set<Known>() }, lacking],
    ['it reports no platform', { platform: undefined }, { inRegistry: new Set<Known>([AMD]) }, undefined],
  ] as const) {
    const one = { ...node('b', { images: new Set(), pulls: true, platform: ARM }), ...more };
    const expected = reason === undefined ? { ok: true, nodeId: 'b' } : { ok: false, obstacles: [{ filter: 'image', node: 'b', reason }] };
    t.same(place([one], { ...need, platforms }), expected, what);
  }
});

t.test('the scarcer of the two goods counts; of equals the node with fewer sessions, then the lesser id', async (t) => {
  const ids = (...fleet: FleetNode[]) => [place(fleet, need), place(fleet.toReversed(), need)];
  const both = (nodeId: string) => [
    { ok: true, nodeId },
    { ok: true, nodeId },
  ];
  const busy = node('a', { requested: { cpuMillis: 800, memoryBytes: 0 } });
  const full = node('b', { requested: { cpuMillis: 0, memoryBytes: 512 * MIB } });
  t.same(ids(busy, full), both('b'), 'half of the memory is less than four fifths of the CPU');
  const small = node('a', { cpuMillis: 100, requested: { cpuMillis: 50, memoryBytes: 0 } });
  t.same(ids(small, full), both('b'), 'a share is of what the node has');
  t.same(ids(node('a', { sessions: 2 }), node('b', { sessions: 1 })), both('b'));
  t.same(ids(node('b', { sessions: 1 }), node('a', { sessions: 1 })), both('a'));
});

t.test('what a session that is already placed lacks on its node is room alone', async (t) => {
  t.equal(shortOf(node('a', { ready: false, unschedulable: 'its disk is low.', images: new Set() }), need, DEFAULT_SIZE_RULES), undefined);
  t.match(shortOf(node('a', { requested: { cpuMillis: 951, memoryBytes: 0 } }), need, DEFAULT_SIZE_RULES), /CPU left/);
  t.match(shortOf(node('a', { requested: { cpuMillis: 0, memoryBytes: 897 * MIB } }), need, DEFAULT_SIZE_RULES), /MiB left/);
  t.match(shortOf(node('a', { maxSessions: 2, sessions: 2 }), need, DEFAULT_SIZE_RULES), /maximum of 2 sessions/);
  t.match(shortOf(node('a', { spaces: new Set(['space-2' as SpaceId]) }), need, DEFAULT_SIZE_RULES), 'accepts no sessions of this space');
  t.equal(shortOf(node('a', { spaces: new Set(['space-1' as SpaceId]) }), need, DEFAULT_SIZE_RULES), undefined);
});

t.test('sums of limits are held to what a node has, and its maxima to each session', async (t) => {
  t.equal(GUEST_PROCESSES, RESERVED_PROCESSES, 'what node agents give to guests');
  const most = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0, processes: 0 };
  const bounds = { processes: 640, diskBytes: 1024 * MIB, most };
  const rules = { ...DEFAULT_SIZE_RULES, memoryOvercommit: 1, diskOvercommit: 2 };
  const limited = { memoryBytes: 512 * MIB, diskBytes: 1024 * MIB, processes: 320 };
  t.ok(place([node('a', { bounds, limited })], need, rules).ok, 'just fits');
  const table: [string, Partial<FleetNode>, RegExp][] = [
    ['processes', { limited: { ...limited, processes: 321 } }, /319 of 640 processes left, but the session needs 320 with its guest/],
    ['memory-limits', { limited: { ...limited, memoryBytes: 513 * MIB } }, /511 MiB of 1024 MiB for memory limits left/],
    ['disk-limits', { limited: { ...limited, diskBytes: 1025 * MIB } }, /1023 MiB of 2048 MiB for disks left/],
    ['maxima', { bounds: { ...bounds, most: { ...most, cpuMillis: 499 } } }, /at most 0\.499 CPU/],
    ['maxima', { bounds: { ...bounds, most: { ...most, memoryBytes: 256 * MIB } } }, /at most 268435456 bytes of memory/],
    ['maxima', { bounds: { ...bounds, most: { ...most, diskBytes: MIB } } }, /at most 1048576 bytes of disk/],
    ['maxima', { bounds: { ...bounds, most: { ...most, processes: 255 } } }, /at most 255 processes/],
  ];
  for (const [filter, more, reason] of table) {
    const fleet = [node('a', { bounds, limited, ...more })];
    t.match(place(fleet, need, rules), { ok: false, obstacles: [{ filter, reason }] });
    const [full] = fleet;
    if (full !== undefined) t.match(shortOf(full, need, rules), reason);
  }
  const full = node('a', { bounds: { ...bounds, most: { ...most, diskBytes: MIB } }, limited: { ...limited, diskBytes: 4096 * MIB } });
  t.equal(shortOf(full, { ...need, hasDisk: true }, rules), undefined, 'a disk that is there is not asked for again');
  t.ok(place([node('a', { limited: { ...limited, processes: 10 ** 6 } })], need, rules).ok, 'a node that says nothing has no bound');
});

t.test('with no node at all it says how to add one', async (t) => {
  const placement = place([], need);
  t.notOk(placement.ok);
  t.match(explain(need, []), /raworc node token/);
});

t.test('whatever the fleet, nothing is overcommitted, and a refusal explains every node', async (t) => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seeded(seed);
    const fleet = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) =>
      node(`n${i}`, {
        ready: random() > 0.2,
        cpuMillis: Math.floor(random() * 400),
        memoryBytes: Math.floor(random() * 1024) * MIB,
        maxSessions: Math.floor(random() * 4),
      }),
    );
    for (let step = 0; step < 20; step += 1) {
      const placement = place(fleet, need);
      if (!placement.ok) {
        t.equal(placement.obstacles.length, fleet.length, `seed ${seed}`);
        break;
      }
      const at = fleet.findIndex(({ id }) => id === placement.nodeId);
      const chosen = fleet[at];
      if (chosen === undefined) return t.fail('a node that is not there');
      const requested = {
        cpuMillis: chosen.requested.cpuMillis + need.requests.cpuMillis,
        memoryBytes: chosen.requested.memoryBytes + need.requests.memoryBytes,
      };
      t.ok(requested.cpuMillis <= chosen.cpuMillis && requested.memoryBytes <= chosen.memoryBytes, `seed ${seed}`);
      fleet[at] = { ...chosen, requested, sessions: chosen.sessions + 1 };
    }
  }
});

t.test('who waits for a node is looked up for the best ones only', async (t) => {
  const nodes = Array.from({ length: 500 }, (_, at) => node(`node-${at}`, { requested: { cpuMillis: 0, memoryBytes: at * MIB } }));
  const asked: string[] = [];
  const keptFrom = (...names: string[]) => ({
    ...need,
    yields: ({ name }: FleetNode) => {
      asked.push(name);
      return names.includes(name);
    },
  });
  t.same(place(nodes, keptFrom()), { ok: true, nodeId: 'node-0' });
  t.same(place(nodes, keptFrom('node-0', 'node-1')), { ok: true, nodeId: 'node-2' });
  t.same(asked, ['node-0', 'node-0', 'node-1', 'node-2']);
  const refused = place(nodes.slice(0, 1), keptFrom('node-0'));
  t.match(refused, { ok: false, obstacles: [{ node: 'node-0', filter: 'queue' }] });
});
