/** Usable ports of a Linux bridge: one less than the kernel's limit. */
const BRIDGE_PORTS = 1_023;
/** Reserved addresses of a subnet: network, broadcast and gateway. */
const NOT_FOR_CONTAINERS = 3;

/** Returns how many containers a bridge with these IPv4 subnets can connect at once. */
export function roomOf(subnets: readonly string[]): number {
  const addresses = subnets.reduce((sum, subnet) => sum + addressesIn(subnet), 0);
  return Math.min(BRIDGE_PORTS, Math.max(0, addresses));
}

function addressesIn(subnet: string): number {
  const length = Number(/^[\d.]+\/(\d{1,2})$/.exec(subnet)?.[1] ?? Number.NaN);
  return Number.isNaN(length) ? 0 : Math.max(0, 2 ** (32 - length) - NOT_FOR_CONTAINERS);
}

/** Returns the smaller of two bounds; 0 means no bound. */
export function lesserBound(one: number, other: number): number {
  if (one === 0 || other === 0) return Math.max(one, other);
  return Math.min(one, other);
}
