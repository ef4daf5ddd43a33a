import { boundedByIptables, boundedChain, egressRule, type FlowBounds } from './flow-bounds.ts';

/** Defines what sessions can reach, as packet filter rules for traffic from their bridge. */
export interface FirewallPlan {
  readonly bridge: string;
  /** The nftables table, in the family `inet`. Only Raworc uses it. */
  readonly table: string;
  /** The chains, on hosts that have only iptables. */
  readonly chains: Chains;
  /** This machine's resolvers, which sessions can reach on port 53 at any address. */
  readonly resolvers: readonly string[];
  /** Blocked even if an allowed range contains them: the controllers. */
  readonly closed: readonly string[];
  /** Private ranges that the operator allows. */
  readonly allowed: readonly string[];
  /** Ports that the operator allows even on this machine and on controllers. */
  readonly egress?: readonly Egress[] | undefined;
  /** Bounds of each session. Undefined if there are none, because the kernel cannot count. */
  readonly flows?: FlowBounds | undefined;
}

/** TCP ports of an IPv4 address or range. */
export interface Egress {
  readonly range: string;
  readonly firstPort: number;
  readonly lastPort: number;
}

/** Only Raworc uses these chains; other rules in them are removed. */
export interface Chains {
  /** For packets to this machine. */
  readonly input: string;
  /** For packets that this machine forwards. */
  readonly forward: string;
}

export const TABLE = 'raworc';

export const CHAINS: Chains = { input: 'RAWORC-INPUT', forward: 'RAWORC-FORWARD' };

/** Always blocked, even if allowed: one is the address at which clouds hand out credentials. */
const LINK_LOCAL = '169.254.0.0/16';

/** All addresses that are not public unicast addresses. */
const NOT_PUBLIC = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** An IPv4 address or range, as the packet filter accepts it. */
export function isCidr(text: string): boolean {
  const [address = '', length, ...more] = text.split('/');
  const bytes = address.split('.');
  const isByte = (byte: string) => /^\d{1,3}$/.test(byte) && Number(byte) <= 255;
  if (more.length > 0 || bytes.length !== 4 || !bytes.every(isByte)) return false;
  return length === undefined || (/^\d{1,2}$/.test(length) && Number(length) <= 32);
}

/** Parses `10.0.0.5:8080` or `10.1.0.0/16:8000-8099`. Undefined for anything else, and for link-local addresses. */
export function parseEgress(text: string): Egress | undefined {
  const [, range = '', first = '', last = first] = /^([\d./]+):(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [firstPort, lastPort] = [Number(first), Number(last)];
  if (!isCidr(range) || range.startsWith('169.254.') || /\/[0-7]$/.test(range)) return undefined;
  if (firstPort < 1 || lastPort > 65_535 || firstPort > lastPort) return undefined;
  return { range, firstPort, lastPort };
}

/**
 * Returns the two chains for iptables-restore. RETURN passes the packet on to the machine's other
 * rules.
 */
export function firewallRules(plan: FirewallPlan): string {
  const {
    bridge,
    chains: { input, forward },
    resolvers,
    closed,
    allowed,
    egress: opened = [],
    flows,
  } = plan;
  const dns = (chain: string) =>
    resolvers.flatMap((address) => ['udp', 'tcp'].map((protocol) => `-A ${chain} -d ${address} -p ${protocol} --dport 53 -j RETURN`));
  const ports = (chain: string) =>
    opened.map(({ range, firstPort, lastPort }) => `-A ${chain} -d ${range} -p tcp --dport ${firstPort}:${lastPort} -j RETURN`);
  // RELATED packets of a host's protocol helper, such as FTP's, could reach closed addresses.
  const established = (chain: string) => [
    `-A ${chain} -m conntrack --ctstate ESTABLISHED -j RETURN`,
    `-A ${chain} -p icmp -m conntrack --ctstate RELATED -j RETURN`,
  ];
  const to = (ranges: readonly string[], target: 'DROP' | 'RETURN') => ranges.map((range) => `-A ${forward} -d ${range} -j ${target}`);
  return [
    '*filter',
    `:${input} - [0:0]`,
    `:${forward} - [0:0]`,
    ...established(input),
    ...(flows === undefined ? [] : boundedByIptables(input, flows)),
    ...dns(input),
    ...ports(input),
    `-A ${input} -j DROP`,
    ...established(forward),
    ...(flows === undefined ? [] : boundedByIptables(forward, flows)),
    ...dns(forward),
    `-A ${forward} -o ${bridge} -j DROP`,
    ...to([LINK_LOCAL], 'DROP'),
    ...ports(forward),
    ...to(closed, 'DROP'),
    ...to(allowed, 'RETURN'),
    ...to(NOT_PUBLIC, 'DROP'),
    `-A ${forward} -j RETURN`,
    'COMMIT',
    '',
  ].join('\n');
}

/**
 * Runs before the chains of iptables, Docker, ufw and firewalld (priority 0). A drop here is final,
 * even if they accept.
 */
const PRIORITY = -150;

/**
 * Returns the same rules as an nftables table that replaces the previous one in one transaction.
 * Sessions have no IPv6, so all of it is dropped. Packets accepted here still pass the machine's
 * other rules.
 */
export function nftRules({ bridge, table, resolvers, closed, allowed, egress: opened = [], flows }: FirewallPlan): string {
  const accept = flows === undefined ? 'accept' : 'goto bounded';
  const egress = flows === undefined ? [] : egressRule(flows);
  const dns = resolvers.flatMap((address) => ['udp', 'tcp'].map((protocol) => `ip daddr ${address} ${protocol} dport 53 ${accept}`));
  const ports = opened.map(({ range, firstPort, lastPort }) => `ip daddr ${range} tcp dport ${firstPort}-${lastPort} ${accept}`);
  const to = (ranges: readonly string[], verdict: 'drop' | 'accept' | 'goto bounded') =>
    ranges.map((range) => `ip daddr ${range} ${verdict}`);
  const chain = (name: string, rules: readonly string[]) => [`  chain ${name} {`, ...rules.map((rule) => `    ${rule}`), '  }'];
  const hook = (name: string) => `type filter hook ${name} priority ${PRIORITY}; policy accept;`;
  const established = ['ct state established accept', 'ip protocol icmp ct state related accept'];
  return [
    // Added first, so that the deletion finds a table.
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...(flows === undefined ? [] : boundedChain(flows)),
    ...chain('to_host', [...egress, ...established, ...dns, ...ports, 'drop']),
    ...chain('through', [
      ...egress,
      ...established,
      ...dns,
      `oifname "${bridge}" drop`,
      ...to([LINK_LOCAL], 'drop'),
      ...ports,
      ...to(closed, 'drop'),
      ...to(allowed, accept),
      ...to(NOT_PUBLIC, 'drop'),
      `meta nfproto ipv4 ${accept}`,
      'drop',
    ]),
    ...chain('input', [hook('input'), `iifname "${bridge}" jump to_host`]),
    ...chain('forward', [hook('forward'), `iifname "${bridge}" jump through`]),
    '}',
    '',
  ].join('\n');
}

/**
 * Returns the resolvers that a resolv.conf names, without loopback addresses, which a container
 * cannot reach.
 */
export function resolversIn(resolvConf: string): string[] {
  const found = [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '');
  return [...new Set(found)].filter((address) => isCidr(address) && !address.startsWith('127.'));
}

/**
 * Returns a resolv.conf for sessions with these servers and the host's search domains and options.
 * libc asks at most three.
 */
export function resolvConfOf(servers: readonly string[], ofHost: string): string {
  const kept = ofHost.split('\n').filter((line) => /^(search|domain|options)\s/.test(line));
  return [...servers.slice(0, 3).map((address) => `nameserver ${address}`), ...kept, ''].join('\n');
}
