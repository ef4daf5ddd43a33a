import { type ListeningPort, MAX_LISTENING_PORTS } from '../../proto/streams/port-stream.ts';

/** The state LISTEN in /proc/net/tcp. */
const LISTEN = '0A';
/** Docker's resolver, which belongs to no program of the session. */
const RESOLVER = '127.0.0.11';

/** Returns the ports of /proc/net/tcp and /proc/net/tcp6 on which programs listen, the lowest first. */
export function listeningPorts(...tables: readonly string[]): readonly ListeningPort[] {
  const found = new Map<number, Set<string>>();
  for (const table of tables)
    for (const line of table.split('\n')) {
      const [, , at = '', , state] = / *(\d+:) ([0-9A-F]+:[0-9A-F]{4}) ([0-9A-F]+:[0-9A-F]{4}) ([0-9A-F]{2}) /.exec(line) ?? [];
      if (state !== LISTEN) continue;
      const [hex = '', portHex = ''] = at.split(':');
      const port = Number.parseInt(portHex, 16);
      const address = addressOf(hex);
      if (address === undefined || address === RESOLVER || port === 0) continue;
      found.set(port, (found.get(port) ?? new Set()).add(address));
    }
  return [...found]
    .sort(([a], [b]) => a - b)
    .slice(0, MAX_LISTENING_PORTS)
    .map(([port, addresses]) => ({ port, addresses: [...addresses].sort().slice(0, 16) }));
}

/** The kernel prints an address as words of 32 bits in the byte order of the machine, which is little-endian. */
function addressOf(hex: string): string | undefined {
  const bytes = hex.match(/.{8}/g)?.flatMap((word) => (word.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)).reverse());
  if (bytes?.length === 4) return bytes.join('.');
  if (bytes?.length !== 16) return undefined;
  if (bytes.every((byte) => byte === 0)) return '::';
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '::1';
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16));
  return groups.join(':');
}

/** Tells two lists apart. */
export const keyOf = (ports: readonly ListeningPort[]): string => JSON.stringify(ports);
