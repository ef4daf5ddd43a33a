import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { networkOf } from '../../domain/access/network.ts';

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

type Request = Pick<IncomingMessage, 'headers' | 'socket'>;
interface Peer {
  readonly address: string;
  /** As {@link networkOf} says. */
  readonly network: string;
  readonly isProxy: boolean;
}

/** From where requests come: from the peer of the connection, or, where that is a trusted proxy, from whom the proxy names. */
export class ClientAddresses {
  readonly #trusted: BlockList;
  readonly #header: ForwardedHeader;
  readonly #peers = new WeakMap<object, Peer>();

  constructor({ proxies, header }: ProxyTrust) {
    this.#trusted = proxyList(proxies);
    this.#header = header;
  }

  /** Who is at the other end of a connection. */
  peerOf(socket: Pick<Request['socket'], 'remoteAddress'>): Peer {
    const known = this.#peers.get(socket);
    if (known !== undefined) return known;
    const address = plain(socket.remoteAddress ?? '');
    const made = { address, network: networkOf(address), isProxy: this.#isTrusted(address) };
    this.#peers.set(socket, made);
    return made;
  }

  /** The right-most address that is not a proxy's: all to the left of it can be forged. */
  addressOf({ socket, headers }: Request): string {
    let { address, isProxy } = this.peerOf(socket);
    if (!isProxy) return address;
    const sent = headers[this.#header];
    const hops = addressesIn(this.#header, Array.isArray(sent) ? sent.join(',') : (sent ?? ''));
    while (isProxy) {
      const next = hops.pop();
      // What a proxy calls "unknown", or cannot be read, hides all before it.
      if (next === undefined || isIP(next) === 0) break;
      address = next;
      isProxy = this.#isTrusted(address);
    }
    return address;
  }

  networkOf(request: Request): string {
    const { isProxy, network } = this.peerOf(request.socket);
    return isProxy ? networkOf(this.addressOf(request)) : network;
  }

  #isTrusted(address: string): boolean {
    return isIP(address) !== 0 && this.#trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}

/** An IPv4 address also where it comes as IPv6. */
const plain = (address: string) => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;

function addressesIn(header: ForwardedHeader, value: string): string[] {
  if (header === 'x-forwarded-for') return value.split(',').map((part) => withoutPort(part.trim()));
  return unquotedParts(value, ',').map((hop) => {
    const named = unquotedParts(hop, ';').flatMap((pair) => /^\s*for\s*=\s*"?([^"]*?)"?\s*$/i.exec(pair)?.[1] ?? []);
    // Where there are two, one of them may be the client's.
    return withoutPort(named.length === 1 ? (named[0] ?? '') : '');
  });
}

/**
 * What is between separators that are outside of quotes: a `host` of the client's own can have both. Read from the right, so that a quote that a client
 * leaves open does not swallow what a proxy has added.
 */
function unquotedParts(text: string, separator: string): string[] {
  const parts: string[] = [];
  let end = text.length;
  let isQuoted = false;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    if (text[at] === '"' && !isEscaped(text, at)) isQuoted = !isQuoted;
    if (text[at] !== separator || isQuoted) continue;
    parts.unshift(text.slice(at + 1, end));
    end = at;
  }
  return [text.slice(0, end), ...parts];
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/** `1.2.3.4:80`, `[2001:db8::1]:80` and `[2001:db8::1]` name a port or brackets too. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1];
  return plain(bracketed ?? /^(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/.exec(text)?.[1] ?? text);
}
