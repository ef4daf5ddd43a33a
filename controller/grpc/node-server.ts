import {
  Metadata,
  Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { controllerFrames, nodeFrames } from '../../proto/codec.ts';
import type { FetchSourceRequest__Output } from '../../proto/generated/raworc/node/v0/FetchSourceRequest.ts';
import type { PutSourceRequest__Output } from '../../proto/generated/raworc/node/v0/PutSourceRequest.ts';
import type { PutSourceResponse } from '../../proto/generated/raworc/node/v0/PutSourceResponse.ts';
import type { RegistryBytes, RegistryBytes__Output } from '../../proto/generated/raworc/node/v0/RegistryBytes.ts';
import type { RenewRequest__Output } from '../../proto/generated/raworc/node/v0/RenewRequest.ts';
import type { RenewResponse } from '../../proto/generated/raworc/node/v0/RenewResponse.ts';
import type { SourceChunk } from '../../proto/generated/raworc/node/v0/SourceChunk.ts';
import { serverLink } from '../../proto/grpc-link.ts';
import {
  byteStreamMethod,
  connectMethod,
  defaultKeepalive,
  fetchSourceMethod,
  putSourceMethod,
  registryMethod,
  renewMethod,
  transportOptions,
} from '../../proto/node-service.ts';
import { serverBytes } from '../../proto/streams/call-bytes.ts';
import type { LogFields } from '../../seams/log.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import { accepted, type Outcome, type Refusal, refused } from '../domain/engine/outcome.ts';
import { Admission, AdmissionOfEach, type AdmissionRate } from './admission.ts';
import { streamLinkOf, widenWindows } from './byte-stream-calls.ts';
import { grpcStatus, internalStatus } from './errors.ts';
import { type Listener, listen } from './listener.ts';
import { nodeCalls } from './node-calls.ts';
import { JOIN_BYTES, JOIN_PORT, NODE_PORT, type NodeServer, type NodeServerOptions, type RefusedCall } from './node-server-options.ts';
import { OpenCalls } from './open-calls.ts';
import { peerOf } from './peer.ts';
import { createRenewal } from './renewal.ts';
import { openServerCredentials } from './server-credentials.ts';
import { receiveSource, sendSource } from './source-stream.ts';
import { strangerMethods } from './stranger-methods.ts';
import { createStrangerServer } from './stranger-server.ts';

/** Rate of log lines about refused peers. */
const REFUSALS_LOGGED: AdmissionRate = { perSecond: 1, burst: 100 };

/** Nodes dial a new connection for each call and read sources one at a time. */
const CALLS_OF_A_CONNECTION = 4;
/** All byte streams of a node share a connection. The number of requested streams bounds them. */
const STREAMS_OF_A_CONNECTION = 512;
const CALL_MS = 10_000;

/**
 * Starts the node protocol on two ports: the node port requires a client certificate of the
 * cluster's CA, the join port cannot.
 */
export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const { authority, host, clock, log } = options;
  const connects = new Admission(options.connectRate ?? { perSecond: 32, burst: 64 }, clock);
  const connectsOfNode = new AdmissionOfEach<NodeId>(options.connectRateOfNode ?? { perSecond: 0.2, burst: 16 }, clock);
  const maxConnections = options.maxConnections ?? 8192;
  const calls = new OpenCalls(authority);
  const windows = widenWindows();
  const listeners: { node?: Listener; join?: Listener } = {};
  const cutOff = (peer: string) => listeners.node?.cutOff(peer);
  const refuse = (call: { emit(event: 'error', status: object): boolean }, refusal: Refusal, retryAfterMs?: number) => {
    call.emit('error', grpcStatus(refusal, retryAfterMs));
  };
  const refusals = new Admission(REFUSALS_LOGGED, clock);
  // Anyone who reaches a port can cause refusals without end, so log only some.
  const logRefusal = (fields: LogFields & RefusedCall) => {
    options.onRefused?.(fields);
    if (refusals.enter() === undefined) log.warn('link.refused', fields);
  };
  const fault = (method: string, error: unknown) => log.error('link.handler_failed', { method, error: String(error) });

  const connect = (call: ServerDuplexStream<Buffer, Buffer>) => {
    const address = call.getPeer();
    const peer = peerOf(call, authority, clock.now());
    if (!peer.ok) {
      logRefusal({ method: 'Connect', peer: address, reason: peer.refusal.message });
      return refuse(call, peer.refusal);
    }
    const admitted = options.admit(peer.value);
    if (!admitted.ok) {
      logRefusal({ method: 'Connect', peer: address, node: peer.value.nodeId, reason: admitted.refusal.message });
      return refuse(call, admitted.refusal);
    }
    const waitMs = connectsOfNode.enter(peer.value.nodeId) ?? connects.enter();
    if (waitMs !== undefined) {
      return refuse(call, refused('RATE_LIMITED', 'Too many nodes are connecting at once. Retry later.').refusal, waitMs);
    }
    const { nodeId, certificateSerial, keyHash, expiresAtMs, certificate } = peer.value;
    listeners.node?.admitted(address, nodeId);
    const bound = options.outboundBound === undefined ? {} : { bound: options.outboundBound };
    const link = serverLink(call, () => cutOff(address), { outgoing: controllerFrames, incoming: nodeFrames, clock, ...bound });
    const done = calls.add(certificate.issuer, (fault) => link.close(fault));
    // On the monotonic clock: a certificate does not expire because somebody sets the wall clock.
    const expiry = clock.after(expiresAtMs - clock.now(), () =>
      link.close(new Error(`the certificate of this node expired at ${new Date(expiresAtMs).toISOString()}`)),
    );
    link.onClose(() => {
      expiry.cancel();
      done();
    });
    call.sendMetadata(new Metadata()); // tells the node that it was admitted
    try {
      options.onLink(nodeId, link, { address, certificateSerial, keyHash, certificate });
    } catch (error) {
      fault('Connect', error);
      link.close(new Error(internalStatus.details));
    }
  };

  const byteStream = (call: ServerDuplexStream<Buffer, Buffer>) => {
    const address = call.getPeer();
    const peer = peerOf(call, authority, clock.now());
    const refuseStream = ({ refusal }: { readonly refusal: Refusal }) => {
      logRefusal({ method: 'ByteStream', peer: address, reason: refusal.message });
      refuse(call, refusal);
    };
    if (!peer.ok) return refuseStream(peer);
    const admitted = options.admit(peer.value);
    if (!admitted.ok) return refuseStream(admitted);
    const { nodeId, expiresAtMs, certificate } = peer.value;
    listeners.node?.admitted(address, nodeId);
    const link = streamLinkOf(call, () => cutOff(address), clock);
    const done = calls.add(certificate.issuer, (fault) => link.close(fault));
    const expiry = clock.after(expiresAtMs - clock.now(), () => link.close(new Error('the certificate of this node expired')));
    link.onClose(() => {
      expiry.cancel();
      done();
    });
    call.sendMetadata(new Metadata());
    if (options.streams === undefined) link.close();
    else options.streams.accept(nodeId, link);
  };

  const registry = (call: ServerDuplexStream<RegistryBytes__Output, RegistryBytes>) => {
    const address = call.getPeer();
    const peer = peerOf(call, authority, clock.now());
    const refuseCall = ({ refusal }: { readonly refusal: Refusal }) => {
      logRefusal({ method: 'Registry', peer: address, reason: refusal.message });
      refuse(call, refusal);
    };
    if (!peer.ok) return refuseCall(peer);
    const admitted = options.admit(peer.value);
    if (!admitted.ok) return refuseCall(admitted);
    if (options.registry === undefined) return refuse(call, refused('UNAVAILABLE', 'This controller has no registry.').refusal);
    listeners.node?.admitted(address, peer.value.nodeId);
    const connection = serverBytes(call);
    connection.once(
      'close',
      calls.add(peer.value.certificate.issuer, () => connection.destroy()),
    );
    call.sendMetadata(new Metadata());
    options.registry.accept(peer.value.nodeId, connection);
  };

  const fetchSource = async (call: ServerWritableStream<FetchSourceRequest__Output, SourceChunk>): Promise<void> => {
    const peer = peerOf(call, authority, clock.now());
    if (!peer.ok) return refuse(call, peer.refusal);
    const admitted = options.admit(peer.value);
    if (!admitted.ok) return refuse(call, admitted.refusal);
    listeners.node?.admitted(call.getPeer(), peer.value.nodeId);
    const { digest } = call.request;
    const source = options.canFetch(peer.value.nodeId, digest) ? options.openSource(digest) : undefined;
    if (source === undefined) return refuse(call, refused('NOT_FOUND', 'This node has no build with that source.').refusal);
    await sendSource(call, source);
  };

  const putSource = async (
    call: ServerReadableStream<PutSourceRequest__Output, PutSourceResponse>,
  ): Promise<Outcome<PutSourceResponse>> => {
    const peer = peerOf(call, authority, clock.now());
    if (!peer.ok) return peer;
    const admitted = options.admit(peer.value);
    if (!admitted.ok) return admitted;
    listeners.node?.admitted(call.getPeer(), peer.value.nodeId);
    return accepted(await receiveSource(call, (header, body) => options.putSource(peer.value.nodeId, header, body)));
  };

  const server = new Server({
    ...transportOptions(options.keepalive ?? defaultKeepalive),
    'grpc.max_concurrent_streams': CALLS_OF_A_CONNECTION + STREAMS_OF_A_CONNECTION,
    interceptors: [
      nodeCalls({
        trust: authority,
        clock,
        callMs: options.callMs ?? CALL_MS,
        streamsOf: (nodeId) => options.streams?.openTo(nodeId) ?? 0,
        cutOff,
      }),
    ],
  });
  server.register(connectMethod.path, connect, connectMethod.serialize, connectMethod.deserialize, 'bidi');
  server.register(byteStreamMethod.path, byteStream, byteStreamMethod.serialize, byteStreamMethod.deserialize, 'bidi');
  const { path, responseSerialize, requestDeserialize } = registryMethod;
  server.register(path, registry, responseSerialize, requestDeserialize, 'bidi');
  const renewal = createRenewal({ authority, clock, random: options.random, rate: options.renewRate, renew: options.renew, logRefusal });
  const renewOverTls = async (call: ServerUnaryCall<RenewRequest__Output, RenewResponse>): Promise<Outcome<RenewResponse>> => {
    const address = call.getPeer();
    const peer = peerOf(call, authority, clock.now());
    return peer.ok ? renewal.renew(call.request, address, peer.value) : peer;
  };
  server.register(
    renewMethod.path,
    (call: ServerUnaryCall<RenewRequest__Output, RenewResponse>, answer: sendUnaryData<RenewResponse>) => {
      renewOverTls(call).then(
        (outcome) => (outcome.ok ? answer(null, outcome.value) : answer(grpcStatus(outcome.refusal))),
        (error: unknown) => {
          fault('Renew', error);
          answer(internalStatus);
        },
      );
    },
    renewMethod.responseSerialize,
    renewMethod.requestDeserialize,
    'unary',
  );
  server.register(
    fetchSourceMethod.path,
    (call: ServerWritableStream<FetchSourceRequest__Output, SourceChunk>) => {
      fetchSource(call).catch((error: unknown) => {
        fault('FetchSource', error);
        call.emit('error', internalStatus);
      });
    },
    fetchSourceMethod.responseSerialize,
    fetchSourceMethod.requestDeserialize,
    'serverStream',
  );

  server.register(
    putSourceMethod.path,
    (call: ServerReadableStream<PutSourceRequest__Output, PutSourceResponse>, answer: sendUnaryData<PutSourceResponse>) => {
      putSource(call).then(
        (outcome) => (outcome.ok ? answer(null, outcome.value) : answer(grpcStatus(outcome.refusal))),
        (error: unknown) => {
          if (!call.cancelled) fault('PutSource', error);
          answer(internalStatus);
        },
      );
    },
    putSourceMethod.responseSerialize,
    putSourceMethod.requestDeserialize,
    'clientStream',
  );

  const credentials = await openServerCredentials(authority, clock, log);
  const beforeConnection = () => credentials.renew();
  const strangers = createStrangerServer({
    credential: credentials.current(),
    methods: strangerMethods({ join: options.join, renewal }),
    clock,
    log,
    secured: (peer) => listeners.join?.secured(peer),
    maxBytes: options.joinBytes ?? JOIN_BYTES,
    overBytes: (peer) => listeners.join?.overBytes(peer),
    cutOff: (peer) => listeners.join?.cutOff(peer),
  });
  credentials.onRenewed((renewed) => strangers.renew(renewed));
  const injector = server.createConnectionInjector(credentials.forNodes);
  const metrics = options.metrics === undefined ? {} : { metrics: options.metrics };
  const common = { host, maxConnections, beforeConnection, clock, log, ...metrics };
  const close = async () => {
    windows.close();
    calls.close();
    await Promise.all([listeners.node?.close(), listeners.join?.close()]);
    injector.destroy();
    server.forceShutdown();
  };
  try {
    listeners.node = await listen({
      ...common,
      name: 'node',
      port: options.nodePort,
      bounds: { ...NODE_PORT, ...options.nodeBounds },
      inject: (socket) => injector.injectConnection(socket),
    });
    listeners.join = await listen({
      ...common,
      name: 'join',
      port: options.joinPort,
      bounds: { ...JOIN_PORT, ...options.joinBounds },
      inject: (socket, peer) => strangers.accept(socket, peer),
    });
    return { nodePort: listeners.node.port, joinPort: listeners.join.port, close };
  } catch (error) {
    await close();
    throw error;
  }
}
