import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { networkOf } from '../../domain/access/network.ts';

/** The headers that trusted proxies can set. The other one comes from the client and is ignored. */
export const FORWARDED_HEADERS = ['x-forwarded-for', 'forwarded'] as const;
export type ForwardedHeader = (typeof FORWARDED_HEADERS)[number];

export interface ProxyTrust {
  /** Addresses and CIDR ranges of the proxies in front of the controller. */
  readonly proxies: readonly string[];
  readonly header: ForwardedHeader;
}
export const NO_PROXIES: ProxyTrust = { proxies: [], header: 'x-forwarded-for' };

/** Throws an Error that names an invalid range. */
export function proxyList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix, ...rest] = range.split('/');
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (version === 0 || rest.length > 0 || !(length <= bits)) throw new Error(`"${range}" is not an IP address or CIDR range`);
    list.addSubnet(address, length, version === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

type Request = Pick<IncomingMessage, 'headers' | 'socket'>;
interface Peer {
  readonly address: string;
  /** See {@link networkOf}. */
  readonly network: string;
  readonly isProxy: boolean;
}

/**
 * Finds the address of a client: the peer of the connection, or, behind a trusted proxy, the one
 * that the proxy names.
 */
export class ClientAddresses {
  readonly #trusted: BlockList;
  readonly #header: ForwardedHeader;
  readonly #peers = new WeakMap<object, Peer>();

  constructor({ proxies, header }: ProxyTrust) {
    this.#trusted = proxyList(proxies);
    this.#header = header;
  }

  /** Returns the peer of a connection. */
  peerOf(socket: Pick<Request['socket'], 'remoteAddress'>): Peer {
    const known = this.#peers.get(socket);
    if (known !== undefined) return known;
    const address = plain(socket.remoteAddress ?? '');
    const made = { address, network: networkOf(address), isProxy: this.#isTrusted(address) };
    this.#peers.set(socket, made);
    return made;
  }

  /**
   * Returns the right-most address that is not a trusted proxy's: everything left of it can be
   * forged.
   */
  addressOf({ socket, headers }: Request): string {
    let { address, isProxy } = this.peerOf(socket);
    if (!isProxy) return address;
    const sent = headers[this.#header];
    const hops = addressesIn(this.#header, Array.isArray(sent) ? sent.join(',') : (sent ?? ''));
    while (isProxy) {
      const next = hops.pop();
      // An unknown or malformed entry hides all before it.
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

/** Unwraps an IPv4 address mapped to IPv6. */
const plain = (address: string) => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;

function addressesIn(header: ForwardedHeader, value: string): string[] {
  if (header === 'x-forwarded-for') return value.split(',').map((part) => withoutPort(part.trim()));
  return unquotedParts(value, ',').map((hop) => {
    const named = unquotedParts(hop, ';').flatMap((pair) => /^\s*for\s*=\s*"?([^"]*?)"?\s*$/i.exec(pair)?.[1] ?? []);
    // With two of them, one can be forged.
    return withoutPort(named.length === 1 ? (named[0] ?? '') : '');
  });
}

/**
 * Splits at separators outside of quotes, since a client's `host` can contain both. Reads from the
 * right, so that an unclosed quote of the client does not swallow what a proxy appended.
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

/** Strips port and brackets from `1.2.3.4:80`, `[2001:db8::1]:80` and `[2001:db8::1]`. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1];
  return plain(bracketed ?? /^(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/.exec(text)?.[1] ?? text);
}
