/**
 * gRPC for peers that have proved nothing: unary calls of at most 16 KiB, two at once. It stands on node:http2 itself, since the gRPC library
 * gives neither the bounds of HTTP/2 out of hand nor a call before its whole message is in memory.
 */
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { ServerCredential } from './authority.ts';
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
const HTTP2: SecureServerOptions = {
  allowHTTP1: false,
  minVersion: 'TLSv1.2',
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
/** Frames of SETTINGS, PING and PRIORITY over one connection. */
const MOST_CONTROL_FRAMES = 64;

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
  /** TLS is done. */
  secured(peer: string): void;
  /** It sent something: what it has sent in all may be too much. */
  active(peer: string): void;
  cutOff(peer: string): void;
}

/** Give it connections by `emit('connection', socket)`. Whoever makes it bounds how many there are and how long they last. */
export function createStrangerServer(options: StrangerServerOptions): Http2SecureServer {
  const { chainPem, keyPem } = options.credential;
  const server = createSecureServer({ ...HTTP2, cert: chainPem, key: keyPem });
  server.on('session', (session) => serve(session, options));
  // What goes wrong with one connection is that peer's fault, and ends it.
  server.on('sessionError', () => undefined);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

function serve(session: ServerHttp2Session, { methods, clock, log, secured, active, cutOff }: StrangerServerOptions): void {
  const { remoteAddress, remotePort } = session.socket;
  const peer = `${remoteAddress}:${remotePort}`;
  let calls = 0;
  let controlFrames = 0;
  secured(peer);
  const control = () => {
    controlFrames += 1;
    if (controlFrames > MOST_CONTROL_FRAMES) cutOff(peer);
    else active(peer);
  };
  session.on('remoteSettings', control);
  session.on('ping', control);
  session.on('priority', control);
  session.on('error', () => undefined);
  session.on('stream', (stream, headers) => {
    calls += 1;
    stream.on('error', () => undefined);
    if (calls > CALLS_IN_ALL) return cutOff(peer);
    active(peer);
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
