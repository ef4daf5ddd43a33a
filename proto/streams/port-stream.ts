import { jsonIn, LineDecoder } from './json-lines.ts';
/**
 * The content of a stream of kind `port`: the bytes of one TCP connection to a program in the session.
 * The guest's first byte says how connecting ended. After `connected`, both directions are the
 * connection's; each can be closed alone. After any other byte the guest ends the stream.
 *
 * A stream of kind `ports` lists the ports on which programs listen: lines of JSON, each the whole list,
 * one at once and with `follow` one for each change, until the reader ends the stream.
 */
import { StreamError } from './reasons.ts';

export const PORT = 'port';
export const PORTS = 'ports';

/** How connecting ended, by the guest's first byte. */
export const DIALLED = ['', 'connected', 'refused', 'timeout', 'failed'] as const;
export type Dialled = Exclude<(typeof DIALLED)[number], ''>;

export const encodeDialled = (dialled: Dialled): Buffer => Buffer.of(DIALLED.indexOf(dialled));

/** Throws a {@link StreamError} for anything else. */
export function decodeDialled(byte: number | undefined): Dialled {
  const dialled = DIALLED[byte ?? 0];
  if (dialled === undefined || dialled === '') throw malformed();
  return dialled;
}

export interface PortRequest {
  readonly port: number;
}

/** Returns the request in a stream's parameters. Throws {@link StreamError} if it is invalid. */
export function portRequest(parameters: unknown): PortRequest {
  const { port }: Readonly<Record<string, unknown>> = { ...(parameters as object) };
  if (!isPort(port)) throw malformed();
  return { port };
}

export interface PortsRequest {
  readonly follow: boolean;
}

export function portsRequest(parameters: unknown): PortsRequest {
  const { follow }: Readonly<Record<string, unknown>> = { ...(parameters as object) };
  return { follow: follow === true };
}

export interface ListeningPort {
  readonly port: number;
  /** The addresses on which programs listen, sorted: 0.0.0.0 and :: are all of the session's. */
  readonly addresses: readonly string[];
}

/** Longest list that a guest sends. */
export const MAX_LISTENING_PORTS = 256;
const MAX_ADDRESSES = 16;
const MAX_LINE_CHARACTERS = 256 * 1024;

export const encodePorts = (ports: readonly ListeningPort[]): string =>
  `${JSON.stringify(ports.map(({ port, addresses }) => [port, ...addresses]))}\n`;

/** Decodes lists from bytes as they arrive. Throws a {@link StreamError} for an invalid one. */
export class PortsDecoder extends LineDecoder<readonly ListeningPort[]> {
  constructor() {
    super(decodePorts, MAX_LINE_CHARACTERS, malformed);
  }
}

function decodePorts(text: string): readonly ListeningPort[] {
  const value = jsonIn(text, malformed);
  if (!Array.isArray(value) || value.length > MAX_LISTENING_PORTS) throw malformed();
  return value.map((one: unknown) => {
    if (!Array.isArray(one) || one.length > 1 + MAX_ADDRESSES) throw malformed();
    const [port, ...addresses]: unknown[] = one;
    if (!isPort(port) || !addresses.every(isAddress)) throw malformed();
    return { port, addresses };
  });
}

export const isPort = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
const isAddress = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f.:]{2,45}$/.test(value);
const malformed = () => new StreamError('protocol', 'The other end sent an invalid message about ports.');
