import t from 'tap';
import { CHAINS, firewallRules, isCidr, parseEgress, resolversIn } from '../../../../node-agent/domain/firewall-rules.ts';
import { afterEnds, recentEnds, restartDelayMs } from '../../../../node-agent/domain/restart-delay.ts';
import { judgeEntry } from '../../../../node-agent/domain/source-entry.ts';
import { parseFlags } from '../../../../node-agent/flags.ts';
import { Sockets } from '../../../../node-agent/guests/sockets.ts';
import { systemClock } from '../../../../seams/system.ts';

t.test(
  'of a source, files, directories and links inside, at relative paths, go into an image, root-owned, and nothing else does',
  async (t) => {
    const rows: readonly (readonly [string, string, number, string])[] = [
      ['main.py', 'file', 0o600, 'file main.py 644'],
      ['./a//b/./run', 'file', 0o4711, 'file a/b/run 755'],
      ['a/', 'directory', 0o700, 'directory a 755'],
      ['./', 'directory', 0o700, 'nothing'],
      ['a/../b', 'file', 0o644, 'refused'],
      ['..', 'directory', 0o644, 'refused'],
      ['/etc/passwd', 'file', 0o644, 'refused'],
      ['a\\..\\b', 'file', 0o644, 'refused'],
      ['a\0b', 'file', 0o644, 'refused'],
      ['', 'file', 0o644, 'refused'],
      ['x'.repeat(1025), 'file', 0o644, 'refused'],
      ['link', 'symlink', 0o777, 'refused'],
      ['link', 'link', 0o777, 'refused'],
      ['pipe', 'fifo', 0o644, 'refused'],
      ['disk', 'block-device', 0o644, 'refused'],
      ['tty', 'character-device', 0o644, 'refused'],
      ['new', 'a type of tomorrow', 0o644, 'refused'],
    ];
    for (const [name, type, mode, expected] of rows) {
      const verdict = judgeEntry({ name, type, mode });
      const shown = !verdict.ok
        ? 'refused'
        : verdict.kind === 'nothing'
          ? 'nothing'
          : verdict.kind === 'link'
            ? `link ${verdict.path}`
            : `${verdict.kind} ${verdict.path} ${verdict.mode.toString(8)}`;
      t.equal(shown, expected, JSON.stringify(name.slice(0, 20)));
    }
    const links: readonly (readonly [string, string, boolean])[] = [
      ['a/link', '../b', true],
      ['link', 'a/./b', true],
      ['a/link', '../../b', false],
      ['link', '/etc/passwd', false],
      ['link', 'a/../../b', false],
      ['link', '', false],
    ];
    for (const [name, target, ok] of links)
      t.equal(judgeEntry({ name, type: 'symlink', mode: 0o777, target }).ok, ok, `${name} -> ${target}`);
    t.ok(judgeEntry({ name: '..data/...x', type: 'file', mode: 0o644 }).ok, 'dots alone are no way out');
  },
);

t.test('the filter closes before it opens, and metadata is closed before what the operator allows', async (t) => {
  const text = firewallRules({
    bridge: 'raworc0',
    table: 'raworc',
    chains: CHAINS,
    resolvers: ['10.0.0.53'],
    closed: ['203.0.113.9'],
    allowed: ['0.0.0.0/0'],
    egress: [{ range: '203.0.113.9', firstPort: 443, lastPort: 444 }],
  });
  const rules = text.split('\n');
  const at = (rule: string) => {
    const index = rules.findIndex((line) => line.includes(rule));
    t.not(index, -1, rule);
    return index;
  };
  const order = [
    'RAWORC-FORWARD -d 10.0.0.53 -p udp --dport 53 -j RETURN',
    'RAWORC-FORWARD -o raworc0 -j DROP',
    'RAWORC-FORWARD -d 169.254.0.0/16 -j DROP',
    'RAWORC-FORWARD -d 203.0.113.9 -p tcp --dport 443:444 -j RETURN',
    'RAWORC-FORWARD -d 203.0.113.9 -j DROP',
    'RAWORC-FORWARD -d 0.0.0.0/0 -j RETURN',
    'RAWORC-FORWARD -d 10.0.0.0/8 -j DROP',
  ].map(at);
  t.same(
    order,
    order.toSorted((a, b) => a - b),
  );
  const input = rules.filter((rule) => rule.startsWith('-A RAWORC-INPUT'));
  t.equal(input.at(-2), '-A RAWORC-INPUT -d 203.0.113.9 -p tcp --dport 443:444 -j RETURN');
  t.equal(input.at(-1), '-A RAWORC-INPUT -j DROP', 'what is not named does not reach this machine');
});

t.test('ports that the operator opens are read as what they are, or not at all', async (t) => {
  t.same(parseEgress('10.0.0.5:8080'), { range: '10.0.0.5', firstPort: 8080, lastPort: 8080 });
  t.same(parseEgress('10.1.0.0/16:8000-8099'), { range: '10.1.0.0/16', firstPort: 8000, lastPort: 8099 });
  const wrong = [
    '',
    '10.0.0.5',
    '10.0.0.5:0',
    '10.0.0.5:65536',
    '10.0.0.5:9-8',
    'git.lan:443',
    '169.254.169.254:80',
    '0.0.0.0/0:80',
    '10.0.0.5:80 accept',
  ];
  for (const text of wrong) t.equal(parseEgress(text), undefined, text);
});

t.test('ranges and resolvers are read as what they are, or not at all', async (t) => {
  for (const good of ['10.0.0.0/8', '192.0.2.7', '0.0.0.0/0']) t.ok(isCidr(good), good);
  for (const bad of ['', '10.0.0.0/33', '10.0.0', '256.1.1.1', 'fd00::/8', '10.0.0.0/8 -j ACCEPT', '10.0.0.0/8\n', '1.1.1.1/8/8'])
    t.notOk(isCidr(bad), JSON.stringify(bad));
  t.same(
    resolversIn('# nameserver 9.9.9.9\nsearch lan\nnameserver 127.0.0.53\nnameserver 10.1.1.1\n nameserver\tfe80::1\nnameserver 10.1.1.1'),
    ['10.1.1.1'],
  );
});

t.test('restarts are delayed by the ends of the last ten minutes', async (t) => {
  t.same([0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map(restartDelayMs), [0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  t.same(recentEnds([0, 1, 500_000], 600_000), [1, 500_000]);
  t.same(recentEnds([600_000, 600_001], 600_000), [600_000], 'one that is still to come is of a clock that was set back');
  t.equal(afterEnds([], 1_000), 0);
  t.equal(afterEnds([1_000], 1_000), 0, 'the first time it is started at once');
  t.equal(afterEnds([0, 1_000], 1_500), 500, 'a second after its second end');
  t.equal(afterEnds([0, 1_000], 2_000), 0);
  t.equal(afterEnds([0, 1_000, 2_000, 3_000], 3_000), 4_000);
  const five = [0, 1_000, 2_000, 3_000, 4_000];
  t.equal(afterEnds(five, 6_999), 1, 'its engine may be about to go');
  t.equal(afterEnds(five, 7_000), 'give-up');
  t.equal(afterEnds(five, 600_001), 0, 'the first of them is forgotten by then');
});

t.test('flags that make no sense are named', async (t) => {
  t.match(parseFlags(['--data']), { ok: false, problem: /--data/ });
  t.match(parseFlags(['--label', 'zone']), { ok: false, problem: /--label must be KEY=VALUE, not "zone"/ });
  t.match(parseFlags(['--label', 'zone=a', '--label', 'disk=nvme,x=']), { flags: { labels: { zone: 'a', disk: 'nvme', x: '' } } });
  t.match(parseFlags([]), { ok: true, flags: { dataDirectory: '/var/lib/raworc' } });
  t.match(parseFlags(['--data', '/d', '--cpu-millis', '1.5']), { ok: false, problem: /--cpu-millis/ });
  t.match(parseFlags(['--data', '/d', '--frobnicate']), { ok: false, problem: /frobnicate/ });
  t.match(parseFlags(['--data', '/d', '--sessions', '3', '--memory-bytes', '1024']), {
    ok: true,
    flags: { dataDirectory: '/d', capacity: { sessions: 3, memoryBytes: 1024 } },
  });
});

t.test('a run directory in which the names of sockets would be cut is refused', async (t) => {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  t.ok(new Sockets({ runDirectory: `/${'r'.repeat(62)}`, clock: systemClock, log }));
  t.throws(() => new Sockets({ runDirectory: `/${'r'.repeat(63)}`, clock: systemClock, log }), /too long/);
});
