/** What strangers do to the ports for nodes and for joining. Each connection comes from an address that the attacker chooses. */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { CONTROLLER_NAME } from '../../proto/node-service.ts';

export interface Target {
  readonly port: number;
  /** Whence it comes; 127.0.0.1 when undefined. */
  readonly from?: string;
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const JOIN_PATH = '/raworc.node.v0.NodeProtocol/Join';

/** A frame of HTTP/2. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const SETTINGS = frame(4, 0, 0);
export const PING = frame(6, 0, 0, Buffer.alloc(8));
export const PRIORITY = frame(2, 0, 1, Buffer.from([0, 0, 0, 0, 1]));

/** A TCP connection on which nothing is ever said. */
export function silentTcp({ port, from = '127.0.0.1' }: Target): Socket {
  const socket = connectTcp({ host: '127.0.0.1', port, localAddress: from });
  socket.on('error', () => undefined);
  return socket;
}

/** A greeting of TLS under way. */
function greet(target: Target, own: { key?: string; cert?: string } = {}): TLSSocket {
  return connectTls({ socket: silentTcp(target), servername: CONTROLLER_NAME, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...own });
}

/** TLS without a certificate, or with one. Resolves once the handshake is over, or failed: the socket is destroyed then. */
export function tls(target: Target, own: { key?: string; cert?: string } = {}): Promise<TLSSocket> {
  return new Promise((resolve) => {
    const socket = greet(target, own);
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', () => resolve(socket));
    socket.once('close', () => resolve(socket));
  });
}

/** TLS, then HTTP/2 by hand: its preface, and whatever is written after it. */
export async function rawHttp2(target: Target): Promise<TLSSocket> {
  const socket = await tls(target);
  if (!socket.destroyed) socket.write(Buffer.concat([Buffer.from(PREFACE), SETTINGS]));
  socket.resume();
  return socket;
}

/** Writes a frame without end, as fast as it is taken. Resolves with the bytes that went out, once the connection is cut, or `most` have. */
export function flood(socket: TLSSocket, one: Uint8Array, most: number): Promise<number> {
  const lot = Buffer.concat(Array<Uint8Array>(Math.ceil(16_384 / one.byteLength)).fill(one));
  return new Promise((resolve) => {
    let sent = 0;
    const write = () => {
      while (sent < most && !socket.destroyed) {
        sent += lot.byteLength;
        if (!socket.write(lot)) return;
      }
      if (sent >= most) resolve(sent);
    };
    socket.on('drain', write);
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(sent));
    if (socket.destroyed) resolve(sent);
    write();
  });
}

/** A session of Node's own client. */
export function http2(target: Target): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${target.port}`, { createConnection: () => greet(target) });
  session.on('error', () => undefined);
  return session;
}

/** A call whose message is announced as `bytes` long, of which `sent` bytes are sent and the rest never is. Resolves once it is over. */
export function unfinishedCall(session: ClientHttp2Session, bytes: number, sent: number, path = JOIN_PATH): Promise<void> {
  return new Promise((resolve) => {
    if (session.destroyed || session.closed) return resolve();
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    stream.on('error', () => undefined);
    stream.once('close', () => resolve());
    stream.resume();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(bytes, 1);
    stream.write(Buffer.concat([prefix, Buffer.alloc(sent)]));
  });
}

/** A whole call. Resolves with its status of gRPC, or undefined when the connection ended first. */
export function wholeCall(session: ClientHttp2Session, message: Uint8Array, path = JOIN_PATH): Promise<number | undefined> {
  return new Promise((resolve) => {
    if (session.destroyed || session.closed) return resolve(undefined);
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    let status: number | undefined;
    const read = (headers: Readonly<Record<string, unknown>>) => {
      if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
    };
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('error', () => undefined);
    stream.once('close', () => resolve(status));
    stream.resume();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.byteLength, 1);
    stream.end(Buffer.concat([prefix, message]));
  });
}

/** Opens calls and resets each at once, in one go for many. Resolves with how many went out, once the connection is cut, or `most` have. */
export function rapidReset(socket: TLSSocket, most: number): Promise<number> {
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  // POST, https, the path, and the type of the content, by the static table of HPACK.
  const headers = Buffer.from([0x83, 0x87, 0x04, ...text(JOIN_PATH), 0x0f, 0x10, ...text('application/grpc')]);
  const reset = Buffer.from([0, 0, 0, 8]);
  return new Promise((resolve) => {
    let opened = 0;
    const write = () => {
      while (opened < most && !socket.destroyed) {
        const lot: Buffer[] = [];
        for (let i = 0; i < 100; i += 1, opened += 1) lot.push(frame(1, 4, 2 * opened + 1, headers), frame(3, 0, 2 * opened + 1, reset));
        if (!socket.write(Buffer.concat(lot))) return;
      }
      if (opened >= most) resolve(opened);
    };
    socket.on('drain', write);
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(opened));
    write();
  });
}
