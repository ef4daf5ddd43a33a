/**
 * gRPC for unauthenticated peers: unary calls of at most 16 KiB, two at once. Built on node:http2,
 * because grpc-js exposes no HTTP/2 bounds and delivers a call only with its whole message in
 * memory.
 */
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Outcome } from '../domain/engine/outcome.ts';
import type { ServerCredential } from './authority.ts';
import { grpcStatusOf, internalStatus, removedHeader } from './errors.ts';
import { strangerSocket } from './stranger-socket.ts';

/** Bound of a message, and of all headers of a call. */
export const MAX_STRANGER_MESSAGE_BYTES = 16 * 1024;
const MAX_HEADER_BYTES = 8 * 1024;
/** Bytes of flag and length before a message. */
const PREFIX_BYTES = 5;
const CALLS_AT_ONCE = 2;
/** Most calls over one connection. A joining node makes one, a renewing node two. */
const CALLS_IN_ALL = 8;
/** Time from a call's headers to the end of its message. */
const MESSAGE_MS = 10_000;

/**
 * HTTP/2 limits beyond calls. An honest peer sends at most one or two of the frames that these
 * count.
 */
const HTTP2: ServerOptions = {
  maxSessionMemory: 1,
  maxSettings: 16,
  maxHeaderListPairs: 64,
  maxOutstandingPings: 4,
  maxSessionInvalidFrames: 8,
  maxSessionRejectedStreams: 8,
  streamResetBurst: CALLS_IN_ALL,
  streamResetRate: 1,
  unknownProtocolTimeout: 1_000,
  settings: {
    enablePush: false,
    enableConnectProtocol: false,
    headerTableSize: 4096,
    maxConcurrentStreams: CALLS_AT_ONCE,
    maxHeaderListSize: MAX_HEADER_BYTES,
    initialWindowSize: MAX_STRANGER_MESSAGE_BYTES + PREFIX_BYTES,
  },
};

export interface StrangerMethod {
  /** Handles an encoded request. Rejects if the request does not decode. */
  call(request: Buffer, peer: string): Promise<Outcome<Buffer>>;
}

export interface StrangerServerOptions {
  readonly credential: ServerCredential;
  /** Methods by path. */
  readonly methods: ReadonlyMap<string, StrangerMethod>;
  readonly clock: Clock;
  readonly log: Log;
  /** Most bytes of a connection from the peer, TLS overhead included. */
  readonly maxBytes: number;
  /** Called when TLS is complete. */
  secured(peer: string): void;
  /** Called when the peer sent too many bytes. */
  overBytes(peer: string): void;
  cutOff(peer: string): void;
}

export interface StrangerServer {
  /** Begins TLS on a connection. The caller bounds the connection's lifetime. */
  accept(socket: Socket, peer: string): void;
  /** Uses this credential for new connections. */
  renew(credential: ServerCredential): void;
}

export function createStrangerServer(options: StrangerServerOptions): StrangerServer {
  const contextOf = ({ chainPem, keyPem }: ServerCredential) => createSecureContext({ cert: chainPem, key: keyPem, minVersion: 'TLSv1.2' });
  let secureContext = contextOf(options.credential);
  return {
    accept(socket, peer) {
      const bounded = strangerSocket(socket, options.maxBytes, () => options.overBytes(peer));
      const secured = new TLSSocket(bounded, { isServer: true, secureContext, ALPNProtocols: ['h2'], requestCert: false });
      secured.disableRenegotiation();
      // An error on one connection is the peer's fault and ends only that connection.
      secured.on('error', () => bounded.destroy());
      secured.once('secure', () => {
        options.secured(peer);
        // HTTP/2 expects a socket whose TLS is complete; otherwise it waits for an event that only
        // clients emit.
        Object.assign(secured, { secureConnecting: false });
        if (secured.alpnProtocol === 'h2') serve(performServerHandshake(secured, HTTP2), peer, options);
        else bounded.destroy();
      });
    },
    renew(credential) {
      secureContext = contextOf(credential);
    },
  };
}

function serve(session: ServerHttp2Session, peer: string, { methods, clock, log, cutOff }: StrangerServerOptions): void {
  let calls = 0;
  // Add no listener for other frames: without one the library answers them itself, at a hundredth
  // of the cost.
  session.on('error', () => undefined);
  session.on('stream', (stream, headers) => {
    calls += 1;
    stream.on('error', () => undefined);
    if (calls > CALLS_IN_ALL) return cutOff(peer);
    const deadline = clock.after(MESSAGE_MS, () => fail(stream, status.DEADLINE_EXCEEDED, 'The request did not arrive in time.'));
    stream.once('close', () => deadline.cancel());
    answer(stream, headers, methods, peer, () => deadline.cancel()).catch((error: unknown) => {
      log.error('link.handler_failed', { method: headers[':path'], error: String(error) });
      fail(stream, internalStatus.code, internalStatus.details);
    });
  });
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  methods: ReadonlyMap<string, StrangerMethod>,
  peer: string,
  complete: () => void,
): Promise<void> {
  if (headers[':method'] !== 'POST' || !/^application\/grpc(\+proto)?$/.test(headers['content-type'] ?? '')) {
    if (!stream.destroyed) stream.respond({ ':status': 415 }, { endStream: true });
    return end(stream);
  }
  const method = methods.get(headers[':path'] ?? '');
  if (method === undefined) {
    return fail(
      stream,
      status.UNAUTHENTICATED,
      'This port serves only joining and certificate renewal. This call requires a node certificate; use the node port.',
    );
  }
  const message = await messageOf(stream);
  complete();
  if (message === 'gone') return;
  if (message === 'too long') return fail(stream, status.RESOURCE_EXHAUSTED, `The request exceeds ${MAX_STRANGER_MESSAGE_BYTES} bytes.`);
  if (message === 'malformed') return fail(stream, status.INVALID_ARGUMENT, 'The request must be one uncompressed message.');
  const outcome = await method.call(message, peer);
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  if (!outcome.ok) return fail(stream, grpcStatusOf[outcome.refusal.code], outcome.refusal.message, removedHeader(outcome.refusal));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status.OK) }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(outcome.value.byteLength, 1);
  stream.end(Buffer.concat([prefix, outcome.value]));
}

/** Reads the only message of a call. Keeps nothing beyond the bound. */
function messageOf(stream: ServerHttp2Stream): Promise<Buffer | 'gone' | 'too long' | 'malformed'> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (piece: Buffer) => {
      bytes += piece.byteLength;
      if (bytes > MAX_STRANGER_MESSAGE_BYTES + PREFIX_BYTES) resolve('too long');
      else pieces.push(piece);
    });
    stream.once('end', () => {
      const all = Buffer.concat(pieces);
      const isWhole = bytes === all.byteLength && bytes >= PREFIX_BYTES && all[0] === 0 && all.readUInt32BE(1) === bytes - PREFIX_BYTES;
      resolve(isWhole ? all.subarray(PREFIX_BYTES) : 'malformed');
    });
    stream.once('close', () => resolve('gone'));
  });
}

function fail(stream: ServerHttp2Stream, code: status, message: string, more: Readonly<Record<string, string>> = {}): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  // Clients decode it with decodeURI, which leaves escaped commas as they are.
  const trailers = { 'grpc-status': String(code), 'grpc-message': encodeURI(message), ...more };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto', ...trailers }, { endStream: true });
  end(stream);
}

/** Ends the call without reading the rest of it. */
function end(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
}
