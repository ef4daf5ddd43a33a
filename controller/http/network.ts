import { isIPv4, isIPv6 } from 'node:net';

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Whom an address belongs to: an IPv4 address as it is, also when it comes as IPv6, and the /64 of an IPv6 address, since each
 * subscriber has at least one. What is no address is returned as it is.
 */
export function networkOf(address: string): string {
  const plain = address.split('%')[0] ?? address;
  const mapped = MAPPED.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIPv4(plain) || !isIPv6(plain)) return plain;
  return `${hextets(plain).slice(0, 4).join(':')}::/64`;
}

/** The eight parts of an IPv6 address, in lower case and without leading zeros. */
function hextets(address: string): string[] {
  const partsOf = (text: string) => (text === '' ? [] : text.split(':').flatMap(dotted));
  const [head = '', tail] = address.split('::');
  const [before, after] = [partsOf(head), partsOf(tail ?? '')];
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: missing }, () => '0'), ...after].map((part) => Number.parseInt(part, 16).toString(16));
}

/** The last 32 bits can be written as an IPv4 address. */
function dotted(part: string): string[] {
  if (!part.includes('.')) return [part];
  const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
  return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
}
