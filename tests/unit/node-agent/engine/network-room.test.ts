import t from 'tap';
import { firewallRules, nftRules } from '../../../../node-agent/domain/firewall-rules.ts';
import { lesserBound, roomOf } from '../../../../node-agent/domain/network-room.ts';
import { BridgeUse } from '../../../../node-agent/engine/docker/bridge-use.ts';
import { ensureNetwork, networkRoom } from '../../../../node-agent/engine/docker/network.ts';

t.test('a network has room for as many containers as it has addresses and its bridge ports, whichever are fewer', async (t) => {
  const table: [subnets: string[], room: number][] = [
    [['172.18.0.0/16'], 1023],
    [['10.77.0.0/20'], 1023],
    [['10.77.0.0/22'], 1021],
    [['192.168.5.0/24'], 253],
    [['192.168.5.0/29'], 5],
    [['192.168.5.0/24', '192.168.6.0/24'], 506],
    [['192.168.5.0/31'], 0],
    [[], 0],
    [['fd00::/64'], 0],
  ];
  for (const [subnets, room] of table) t.equal(roomOf(subnets), room, subnets.join(' '));
  t.same(
    [
      [0, 0],
      [0, 7],
      [7, 0],
      [7, 1023],
      [5000, 1023],
    ].map(([one = 0, other = 0]) => lesserBound(one, other)),
    [0, 7, 7, 7, 1023],
    'what an operator sets can only lower it',
  );
});

t.test('a bridge that can carry no more is a condition that keeps placements away, for as long as it lasts', async (t) => {
  let ports = 0;
  const told: string[] = [];
  const bridge = new BridgeUse({
    bridge: 'raworc0',
    conditions: {
      raise: ({ type, message, unschedulable }) =>
        void told.push(`${type} ${unschedulable} ${/connects \d+ containers/.exec(message)?.[0]}`),
      clear: (type) => void told.push(`no ${type}`),
    },
    ports: async () => ports,
  });
  ports = 5000;
  await bridge.look();
  t.same(told, [], 'nothing is said before it is known what it can carry');
  bridge.room = 1023;
  for (ports of [1022, 1023, 1024, 1022]) await bridge.look();
  const full = 'NetworkFull true connects 1023 containers';
  t.same(told, ['no NetworkFull', full, full, 'no NetworkFull']);
});

t.test('the network is made with the range that the operator names, and one that is there is respected', async (t) => {
  const made: unknown[] = [];
  let there: object | undefined;
  const docker = {
    getNetwork: () => ({
      async inspect() {
        if (there === undefined)
          throw Object.assign(new Error('no such network'), { statusCode: 404, json: { message: 'no such network' } });
        return there;
      },
    }),
    async createNetwork(options: { Options: object; Labels: object; IPAM?: object }) {
      made.push(options.IPAM);
      there = { ...options, EnableIPv6: false, IPAM: options.IPAM ?? { Config: [{ Subnet: '192.168.5.0/24' }] } };
    },
  };
  const signal = new AbortController().signal;
  const network = { name: 'n', bridge: 'b', subnet: '10.77.0.0/22' };
  await ensureNetwork(docker as never, network, signal);
  t.match(made, [{ Config: [{ Subnet: '10.77.0.0/22' }] }]);
  await ensureNetwork(docker as never, { ...network, subnet: '10.99.0.0/16' }, signal);
  t.equal(made.length, 1);
  t.equal(await networkRoom(docker as never, network, signal), 1021, 'what it has counts');
  there = undefined;
  await ensureNetwork(docker as never, { name: 'n', bridge: 'b' }, signal);
  t.same(made[1], undefined, 'else Docker chooses');
  t.equal(await networkRoom(docker as never, network, signal), 253);
});

t.test('both forms of the rules close and open the same, in the same order', async (t) => {
  const chains = { input: 'IN', forward: 'FWD' };
  const plan = {
    bridge: 'b0',
    table: 't0',
    chains,
    resolvers: ['10.0.0.53'],
    closed: ['203.0.113.9'],
    allowed: ['10.1.0.0/16'],
    egress: [{ range: '10.2.0.7', firstPort: 80, lastPort: 81 }],
  };
  const verdicts = (text: string, range: RegExp) =>
    text.split('\n').flatMap((line) => {
      const address = range.exec(line)?.[1];
      return address === undefined || line.includes('dport 53') ? [] : [`${address} ${/drop/i.test(line) ? 'closed' : 'open'}`];
    });
  const byNft = verdicts(nftRules(plan), /ip daddr (\S+)/);
  t.same(byNft, verdicts(firewallRules(plan), /-d (\S+)/));
  t.ok(byNft.indexOf('169.254.0.0/16 closed') < byNft.indexOf('10.1.0.0/16 open'));
  t.ok(byNft.indexOf('169.254.0.0/16 closed') < byNft.lastIndexOf('10.2.0.7 open'));
  t.equal(byNft.filter((verdict) => verdict === '10.2.0.7 open').length, 2, 'on this machine and beyond');
  t.ok(byNft.indexOf('10.1.0.0/16 open') < byNft.indexOf('10.0.0.0/8 closed'));
  const [toHost = ''] = /chain to_host \{[^}]*\}/.exec(nftRules(plan)) ?? [];
  t.match(toHost.trimEnd(), /drop\s*\}$/, 'closed by default');
  const [through = ''] = /chain through \{[^}]*\}/.exec(nftRules(plan)) ?? [];
  t.match(through, /meta nfproto ipv4 accept\s+drop\s*\}$/, 'and all that is not IPv4');
});
