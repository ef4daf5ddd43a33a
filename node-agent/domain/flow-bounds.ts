/** Bounds a session's use of the network. All processes of a host share one connection table. */
export interface FlowBounds {
  /** Concurrent connections, of all protocols together. */
  readonly connections: number;
  /** Packets per second that open a connection or have had no response yet. */
  readonly newPerS: number;
  /** Bytes sent per second; 0 means no bound. */
  readonly egressBytesPerS: number;
}

export const DEFAULT_FLOWS: FlowBounds = { connections: 1_024, newPerS: 256, egressBytesPerS: 0 };

/** A burst after a pause, as this many seconds of the rate. */
const BURST_S = 4;
/** Size of the sets: more addresses than one bridge can have. */
const ADDRESSES = 65_535;

/**
 * Returns sets and a chain for an nftables table. The chain ends in `accept`; flows past a bound
 * lose packets, and open connections continue.
 */
export function boundedChain({ connections, newPerS, egressBytesPerS }: FlowBounds): readonly string[] {
  const set = (name: string, flags: string) => `  set ${name} { type ipv4_addr; size ${ADDRESSES}; ${flags} }`;
  const egress = egressBytesPerS > 0;
  return [
    set('connections', 'flags dynamic;'),
    set('new_flows', 'flags dynamic,timeout; timeout 1m;'),
    ...(egress ? [set('egress', 'flags dynamic,timeout; timeout 1m;')] : []),
    '  chain bounded {',
    `    ct state new add @connections { ip saddr ct count over ${connections} } counter drop comment "connections"`,
    `    ct state new update @new_flows { ip saddr limit rate over ${newPerS}/second burst ${newPerS * BURST_S} packets } counter drop comment "new_flows"`,
    '    accept',
    '  }',
  ];
}

/** Comes first, so that it counts everything that a session sends. */
export function egressRule({ egressBytesPerS }: FlowBounds): readonly string[] {
  if (egressBytesPerS === 0) return [];
  const burst = Math.max(egressBytesPerS, 64 * 1024);
  return [`update @egress { ip saddr limit rate over ${egressBytesPerS} bytes/second burst ${burst} bytes } counter drop comment "egress"`];
}

/**
 * Returns the same bounds for a chain of iptables, one rule each, so that a kernel without one
 * match keeps the others.
 */
export function boundedByIptables(chain: string, { connections, newPerS }: FlowBounds): readonly string[] {
  const isNew = `-A ${chain} -m conntrack --ctstate NEW`;
  return [
    `${isNew} -m connlimit --connlimit-above ${connections} --connlimit-mask 32 --connlimit-saddr -j DROP`,
    `${isNew} -m hashlimit --hashlimit-above ${newPerS}/sec --hashlimit-burst ${Math.min(newPerS * BURST_S, 10_000)} --hashlimit-mode srcip --hashlimit-name ${chain.slice(-15)} -j DROP`,
  ];
}

/** Returns the packets that each bound dropped, from nftables' list of rules. */
export function droppedIn(listed: string): ReadonlyMap<string, number> {
  const rules = listed.matchAll(/counter packets (\d+) bytes \d+ drop comment "(\w+)"/g);
  return new Map([...rules].map(([, packets, bound]) => [bound ?? '', Number(packets)]));
}
