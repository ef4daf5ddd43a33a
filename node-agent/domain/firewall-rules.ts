/** What sessions may reach, as packet filter rules for everything that comes from their bridge. */
export interface FirewallPlan {
  readonly bridge: string;
  /** Resolvers that this machine uses: reachable on port 53 wherever they are. */
  readonly resolvers: readonly string[];
  /** Closed whatever is allowed: controllers. */
  readonly closed: readonly string[];
  /** Ranges that the operator opens though they are private. */
  readonly allowed: readonly string[];
}

export const INPUT_CHAIN = 'RAWORC-INPUT';
export const FORWARD_CHAIN = 'RAWORC-FORWARD';

/** Never, not even when allowed: among them is the address at which clouds hand out credentials. */
const LINK_LOCAL = '169.254.0.0/16';

/** Everything that is no public unicast address. */
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

/** An IPv4 address or range, in the form that the packet filter takes. */
export function isCidr(text: string): boolean {
  const [address = '', length, ...more] = text.split('/');
  const bytes = address.split('.');
  const isByte = (byte: string) => /^\d{1,3}$/.test(byte) && Number(byte) <= 255;
  if (more.length > 0 || bytes.length !== 4 || !bytes.every(isByte)) return false;
  return length === undefined || (/^\d{1,2}$/.test(length) && Number(length) <= 32);
}

/** The two chains as iptables-restore reads them. RETURN leaves the packet to whatever rules the machine has besides. */
export function firewallRules({ bridge, resolvers, closed, allowed }: FirewallPlan): string {
  const dns = (chain: string) =>
    resolvers.flatMap((address) => ['udp', 'tcp'].map((protocol) => `-A ${chain} -d ${address} -p ${protocol} --dport 53 -j RETURN`));
  const established = (chain: string) => `-A ${chain} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN`;
  const to = (ranges: readonly string[], target: 'DROP' | 'RETURN') =>
    ranges.map((range) => `-A ${FORWARD_CHAIN} -d ${range} -j ${target}`);
  return [
    '*filter',
    `:${INPUT_CHAIN} - [0:0]`,
    `:${FORWARD_CHAIN} - [0:0]`,
    established(INPUT_CHAIN),
    ...dns(INPUT_CHAIN),
    `-A ${INPUT_CHAIN} -j DROP`,
    established(FORWARD_CHAIN),
    ...dns(FORWARD_CHAIN),
    `-A ${FORWARD_CHAIN} -o ${bridge} -j DROP`,
    ...to([LINK_LOCAL, ...closed], 'DROP'),
    ...to(allowed, 'RETURN'),
    ...to(NOT_PUBLIC, 'DROP'),
    `-A ${FORWARD_CHAIN} -j RETURN`,
    'COMMIT',
    '',
  ].join('\n');
}

/** Addresses of the resolvers that a resolv.conf names. Those of this machine's own loopback are no use to a container. */
export function resolversIn(resolvConf: string): string[] {
  const found = [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '');
  return [...new Set(found)].filter((address) => isCidr(address) && !address.startsWith('127.'));
}
