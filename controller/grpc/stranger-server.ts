/**
 * gRPC for peers that have proved nothing: unary calls of at most 16 KiB, two at once. It stands on node:http2 itself, since the gRPC library
 * gives neither the bounds of HTTP/2 out of hand nor a call before its whole message is in memory.
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
import { boundedSocket } from './bounded-socket.ts';
import { grpcStatusOf, internalStatus } from './errors.ts';

/** Of a message, and of all headers of a call. */
export const MAX_STRANGER_MESSAGE_BYTES = 16 * 1024;
const MAX_HEADER_BYTES = 8 * 1024;
/** A message's flag and length before it. */
const PREFIX_BYTES = 5;
const CALLS_AT_ONCE = 2;
/** Over one connection. Who joins makes one, who renews two. */
const CALLS_IN_ALL = 8;
/** From its headers to the end of its message. */
const MESSAGE_MS = 10_000;

/** What HTTP/2 lets a peer do beyond calls: an honest one sends none of what is counted here, or one or two. */
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
  /** Rejects for a request that is none of this method. */
  call(request: Buffer, peer: string): Promise<Outcome<Buffer>>;
}

export interface StrangerServerOptions {
  readonly credential: ServerCredential;
  /** By path. */
  readonly methods: ReadonlyMap<string, StrangerMethod>;
  readonly clock: Clock;
  readonly log: Log;
  /** Of a connection, from the peer, with what TLS adds. */
  readonly maxBytes: number;
  /** TLS is done. */
  secured(peer: string): void;
  /** It sent more than that. */
  overBytes(peer: string): void;
  cutOff(peer: string): void;
}

export interface StrangerServer {
  /** Begins TLS on a connection. The caller limits how long it may last. */
  accept(socket: Socket, peer: string): void;
  /** From the next connection on. */
  renew(credential: ServerCredential): void;
}

export function createStrangerServer(options: StrangerServerOptions): StrangerServer {
  const contextOf = ({ chainPem, keyPem }: ServerCredential) => createSecureContext({ cert: chainPem, key: keyPem, minVersion: 'TLSv1.2' });
  let secureContext = contextOf(options.credential);
  return {
    accept(socket, peer) {
      const bounded = boundedSocket(socket, options.maxBytes, () => options.overBytes(peer));
      const secured = new TLSSocket(bounded, { isServer: true, secureContext, ALPNProtocols: ['h2'], requestCert: false });
      secured.disableRenegotiation();
      // What goes wrong with one connection is that peer's fault, and ends it.
      secured.on('error', () => bounded.destroy());
      secured.once('secure', () => {
        options.secured(peer);
        // As a server of node:tls does by now: HTTP/2 would wait for an event of clients.
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
  // No other frame has a listener: without one the library answers it by itself, at a hundredth of the cost.
  session.on('error', () => undefined);
  session.on('stream', (stream, headers) => {
    calls += 1;
    stream.on('error', () => undefined);
    if (calls > CALLS_IN_ALL) return cutOff(peer);
    const deadline = clock.after(MESSAGE_MS, () => fail(stream, status.DEADLINE_EXCEEDED, 'The request did not come in time.'));
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
      'This port serves joining and the renewal of certificates: this call needs the certificate of a node.',
    );
  }
  const message = await messageOf(stream);
  complete();
  if (message === 'gone') return;
  if (message === 'too long')
    return fail(stream, status.RESOURCE_EXHAUSTED, `The request is longer than ${MAX_STRANGER_MESSAGE_BYTES} bytes.`);
  if (message === 'malformed') return fail(stream, status.INVALID_ARGUMENT, 'The request is not one uncompressed message.');
  const outcome = await method.call(message, peer);
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  if (!outcome.ok) return fail(stream, grpcStatusOf[outcome.refusal.code], outcome.refusal.message);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status.OK) }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(outcome.value.byteLength, 1);
  stream.end(Buffer.concat([prefix, outcome.value]));
}

/** The one message of a call. Nothing beyond the bound is kept. */
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

function fail(stream: ServerHttp2Stream, code: status, message: string): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const trailers = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(message) };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto', ...trailers }, { endStream: true });
  end(stream);
}

/** What the peer still sends of this call is not read. */
function end(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
}
