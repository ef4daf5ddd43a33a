import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { networkOf } from './network.ts';

/** Which header trusted proxies set. The other one is the client's own and is never read. */
export const FORWARDED_HEADERS = ['x-forwarded-for', 'forwarded'] as const;
export type ForwardedHeader = (typeof FORWARDED_HEADERS)[number];

export interface ProxyTrust {
  /** Addresses and CIDR ranges of the proxies in front of the controller. */
  readonly proxies: readonly string[];
  readonly header: ForwardedHeader;
}
export const NO_PROXIES: ProxyTrust = { proxies: [], header: 'x-forwarded-for' };

/** Throws an Error that names a range that is none. */
export function proxyList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix, ...rest] = range.split('/');
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (version === 0 || rest.length > 0 || !(length <= bits)) throw new Error(`"${range}" is no address and no CIDR range`);
    list.addSubnet(address, length, version === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** The network from which a request comes, for budgets: see {@link networkOf}. */
export type NetworkOf = (req: Pick<IncomingMessage, 'headers' | 'socket'>) => string;

/** Behind trusted proxies it is the right-most address that is not a proxy's: all to the left of it can be forged. */
export function clientNetworks({ proxies, header }: ProxyTrust): NetworkOf {
  const trusted = proxyList(proxies);
  const isTrusted = (address: string) => trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  const known = new WeakMap<object, { readonly network: string; readonly address: string; readonly isProxy: boolean }>();

  function peerOf(socket: IncomingMessage['socket']) {
    const found = known.get(socket);
    if (found !== undefined) return found;
    const address = plainAddress(socket.remoteAddress ?? '');
    const made = { address, network: networkOf(address), isProxy: isIP(address) !== 0 && isTrusted(address) };
    known.set(socket, made);
    return made;
  }

  return ({ socket, headers }) => {
    const peer = peerOf(socket);
    if (!peer.isProxy) return peer.network;
    const sent = headers[header];
    const hops = addressesIn(header, Array.isArray(sent) ? sent.join(',') : (sent ?? ''));
    let client = peer.address;
    while (isTrusted(client)) {
      const next = hops.pop();
      // What a proxy calls "unknown", or cannot be read, hides all before it.
      if (next === undefined || isIP(next) === 0) break;
      client = next;
    }
    return networkOf(client);
  };
}

const plainAddress = (address: string) => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;

function addressesIn(header: ForwardedHeader, value: string): string[] {
  const parts = value.split(',').map((part) => part.trim());
  if (header === 'x-forwarded-for') return parts.map(withoutPort);
  return parts.map((part) => withoutPort(/(?:^|;)\s*for="?([^";]*)"?/i.exec(part)?.[1] ?? ''));
}

/** `1.2.3.4:80`, `[2001:db8::1]:80` and `[2001:db8::1]` name a port or brackets too. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1];
  return plainAddress(bracketed ?? /^(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/.exec(text)?.[1] ?? text);
}
