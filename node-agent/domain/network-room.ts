/** Ports of a Linux bridge, of which one is left out in practice. */
const BRIDGE_PORTS = 1_023;
/** Of a subnet: its own address, the one for all, and the gateway. */
const NOT_FOR_CONTAINERS = 3;

/** How many containers can be connected to a bridge with these IPv4 subnets at once. */
export function roomOf(subnets: readonly string[]): number {
  const addresses = subnets.reduce((sum, subnet) => sum + addressesIn(subnet), 0);
  return Math.min(BRIDGE_PORTS, Math.max(0, addresses));
}

function addressesIn(subnet: string): number {
  const length = Number(/^[\d.]+\/(\d{1,2})$/.exec(subnet)?.[1] ?? Number.NaN);
  return Number.isNaN(length) ? 0 : Math.max(0, 2 ** (32 - length) - NOT_FOR_CONTAINERS);
}

/** The lesser of two bounds, where 0 is none. */
export function lesserBound(one: number, other: number): number {
  if (one === 0 || other === 0) return Math.max(one, other);
  return Math.min(one, other);
}
