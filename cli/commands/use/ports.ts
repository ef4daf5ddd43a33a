import { createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { WebSocket } from 'ws';
import type { Raworc } from '../../../sdk/raworc.ts';
import { type Io, Misuse, painted, Trouble } from '../../io.ts';
import { findSession } from '../../reference.ts';

const PIECE_BYTES = 64 * 1024;
/** Unsent bytes beyond which the local program waits. */
const MAX_BUFFERED_BYTES = 4 * PIECE_BYTES;
const MAX_CONNECTIONS = 40;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `8080` or `LOCAL:PORT`; 0 as LOCAL takes any free port. */
function portsIn(sent: string): { readonly local: number; readonly port: number } {
  const [, local, port] = /^(?:(\d{1,5}):)?(\d{1,5})$/.exec(sent) ?? [];
  const found = { local: Number(local ?? port), port: Number(port) };
  if (!(found.port >= 1 && found.port <= 65_535 && found.local <= 65_535))
    throw new Misuse(`${sent} is no port: give a number from 1 to 65535, or LOCAL:PORT`);
  return found;
}

/** Passes connections to a local port on to a port of a session, until Ctrl-C. */
export async function forward(io: Io, raworc: Raworc, ref: string, sent: string): Promise<void> {
  const { local, port } = portsIn(sent);
  const session = await findSession(raworc, ref);
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    pass(socket, raworc, session, port).catch((error: unknown) => {
      io.stderr.line(painted(io, io.stderr, 'red', error instanceof Error ? error.message : String(error)));
      socket.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  const at = await listening(server, local);
  io.stderr.line(`Forwarding 127.0.0.1:${at} to port ${port} of ${session}. Ctrl-C ends it.`);
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) return resolve();
    io.signal.addEventListener('abort', () => resolve());
  });
  server.close();
}

function listening(server: Server, local: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: Error & { readonly code?: string }) =>
      reject(new Trouble(error.code === 'EADDRINUSE' ? `Port ${local} is in use here. Choose another one: LOCAL:PORT` : error.message)),
    );
    server.listen(local, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : local);
    });
  });
}

/** Passes one connection on. Each direction ends alone, and waits for its reader. */
async function pass(socket: Socket, raworc: Raworc, session: string, port: number): Promise<void> {
  const { url, protocols } = await raworc.portSocket(session, port);
  // Loaded for this command only.
  const { WebSocket } = await import('ws');
  const remote = new WebSocket(url, protocols, { perMessageDeflate: false, maxPayload: 2 * PIECE_BYTES });
  await opened(remote);
  socket.on('data', (bytes: Buffer) => {
    const isFull = remote.bufferedAmount >= MAX_BUFFERED_BYTES;
    if (isFull) socket.pause();
    for (let from = 0; from < bytes.byteLength; from += PIECE_BYTES) {
      const isLast = from + PIECE_BYTES >= bytes.byteLength;
      remote.send(bytes.subarray(from, from + PIECE_BYTES), () => {
        if (isFull && isLast) socket.resume();
      });
    }
  });
  socket.once('end', () => remote.send('end'));
  socket.once('close', () => remote.close());
  remote.on('message', (data, isBinary) => {
    if (!isBinary) {
      if (String(data) === 'end') socket.end();
      return;
    }
    if (socket.writableEnded || socket.write(data as Buffer)) return;
    remote.pause();
    socket.once('drain', () => remote.resume());
  });
  remote.on('error', () => socket.destroy());
  // Beyond the end of both directions, it was broken off.
  remote.once('close', (code) => (code === 1000 ? socket.end() : socket.resetAndDestroy()));
  if (socket.destroyed) remote.close();
  else socket.resume();
}

function opened(remote: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    remote.once('open', () => resolve());
    remote.once('error', reject);
    remote.once('unexpected-response', (_request, answer) => {
      text(answer).then((body) => reject(new Trouble(messageIn(body) ?? `The server answered ${answer.statusCode}.`)), reject);
    });
  });
}

function messageIn(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body);
    return typeof error.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
}

export interface OpenOptions {
  /** How long anybody can use the port. */
  readonly public?: string;
  readonly private?: boolean;
  readonly path?: string;
}

/** Prints an address of a port for a browser. */
export async function openPort(
  io: Io,
  raworc: Raworc,
  ref: string,
  sent: string,
  { public: time, private: ends, path }: OpenOptions,
): Promise<void> {
  const { port } = portsIn(sent);
  const session = await findSession(raworc, ref);
  if (ends === true) {
    await raworc.ports.unshare(session, String(port));
    io.stderr.line(`Port ${port} is no longer public.`);
    return;
  }
  const at = path === undefined ? {} : { path };
  const share = await raworc.ports.share(
    session,
    String(port),
    time === undefined ? at : { ...at, public: true, expires_in_s: secondsIn(time) },
  );
  io.stdout.line(share.url);
  const note = share.public ? `Anybody can open this until ${share.expires_at}.` : 'Open this within 30 seconds. It works once.';
  io.stderr.line(painted(io, io.stderr, 'dim', note));
}

function secondsIn(sent: string): number {
  const [, amount, unit = 's'] = /^(\d{1,6})([smhd])?$/.exec(sent) ?? [];
  if (amount === undefined) throw new Misuse('--public takes a time such as 30m, 2h or 1d');
  return Number(amount) * (UNITS[unit] ?? 1);
}
