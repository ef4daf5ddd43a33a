import type { Duplex } from 'node:stream';
import type { Client, ServiceError } from '@grpc/grpc-js';
import { controllerFrames, nodeFrames } from '../../proto/codec.ts';
import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import { clientLink, type OutboundBound } from '../../proto/grpc-link.ts';
import type { Link } from '../../proto/link.ts';
import { connectMethod, defaultKeepalive, fetchSourceMethod, type Keepalive } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Identity } from '../identity/identity.ts';
import { BulkCalls } from './bulk-calls.ts';
import { openChannel } from './channel.ts';
import { DialError, dialError } from './dial-error.ts';
import type { Dialer } from './dialer.ts';
import { putSource } from './put-source.ts';

const DIAL_TIMEOUT_MS = 10_000;
/** Of connections that carry bulk data, and of each call on them. */
const BULK_WINDOW_BYTES = 4 * 1024 * 1024;

export interface GrpcDialerOptions {
  /** The current identity: a renewed certificate is used from the next attempt on. */
  readonly identity: () => Identity;
  /** Returns why nothing can be dialled now. */
  readonly problem?: () => string | undefined;
  /** TLS ended a connection that had come up. */
  readonly refused?: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly keepalive?: Keepalive;
  readonly outboundBound?: OutboundBound;
}

/**
 * Each attempt takes the identity's next controller and a connection of its own, so the library's
 * back-off never delays it.
 */
export function grpcDialer(options: GrpcDialerOptions): Dialer & { registry(): Duplex; close(): void } {
  const { clock, log } = options;
  const keepalive = options.keepalive ?? defaultKeepalive;
  const bound = options.outboundBound === undefined ? {} : { bound: options.outboundBound };
  const open = new Set<() => void>();
  let attempts = 0;
  let closed = false;

  const channel = (at = attempts, windowBytes?: number): { address: string; client: Client } => {
    if (closed) throw new DialError('unreachable', 'The dialer is closed.');
    const problem = options.problem?.();
    if (problem !== undefined) throw new DialError('expired', problem);
    const identity = options.identity();
    const address = identity.controllers[Math.max(0, at) % identity.controllers.length];
    if (address === undefined)
      throw new DialError('unreachable', 'This node has no controller address. Join the cluster again with a new token.');
    return { address, client: openChannel(address, { caPem: identity.caPem, own: identity }, keepalive, windowBytes) };
  };

  const dial = (signal: AbortSignal): Promise<Link<NodeFrame, ControllerFrame>> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const { address, client } = channel();
      attempts += 1;
      const stream = client.makeBidiStreamRequest(connectMethod.path, connectMethod.serialize, connectMethod.deserialize);
      const give = (error: unknown) => {
        settle();
        stream.cancel();
        reject(error);
      };
      const onAbort = () => give(signal.reason);
      const onClose = () => give(new DialError('unreachable', 'The dialer is closed.'));
      const timer = clock.after(DIAL_TIMEOUT_MS, () =>
        give(new DialError('unreachable', `The controller at ${address} did not answer within ${DIAL_TIMEOUT_MS / 1000} s.`)),
      );
      const settle = () => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        open.delete(onClose);
      };
      signal.addEventListener('abort', onAbort);
      open.add(onClose);
      stream.on('error', (error: ServiceError) => {
        const problem = dialError(address, error);
        if (problem.code === 'handshake') options.refused?.();
        give(problem);
      });
      stream.once('status', () => client.close());
      stream.once('metadata', () => {
        settle();
        const link = clientLink(stream, { outgoing: nodeFrames, incoming: controllerFrames, clock, ...bound });
        const close = () => link.close();
        open.add(close);
        link.onClose(() => open.delete(close));
        log.debug('link.connected', { controller: address });
        resolve(link);
      });
    });

  const bulk = new BulkCalls({
    // To the controller of the newest control stream, with the current certificate.
    client: () => channel(attempts - 1, BULK_WINDOW_BYTES).client,
    key: () => `${attempts} ${options.identity().certificatePem}`,
    clock,
  });

  async function* fetchSource(digest: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    signal.throwIfAborted();
    const { address, client } = channel();
    const { path, requestSerialize, responseDeserialize } = fetchSourceMethod;
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { digest });
    const cancel = () => stream.cancel();
    stream.on('error', () => {}); // the loop below throws it; a cancelled call emits one more
    signal.addEventListener('abort', cancel);
    open.add(cancel);
    try {
      for await (const chunk of stream) yield chunk.data;
    } catch (error) {
      signal.throwIfAborted();
      throw isServiceError(error) ? dialError(address, error) : error;
    } finally {
      signal.removeEventListener('abort', cancel);
      open.delete(cancel);
      cancel();
      client.close();
    }
  }

  const put: Dialer['putSource'] = async (header, data, signal) => {
    const { address, client } = channel();
    const ending = new AbortController();
    const close = () => ending.abort(new Error('the dialer is closed'));
    open.add(close);
    try {
      return await putSource(client, header, data, AbortSignal.any([signal, ending.signal]));
    } catch (error) {
      signal.throwIfAborted();
      throw isServiceError(error) ? dialError(address, error) : error;
    } finally {
      open.delete(close);
      client.close();
    }
  };

  return {
    dial,
    stream: (signal) => bulk.stream(signal),
    registry: () => bulk.registry(),
    fetchSource,
    putSource: put,
    close() {
      closed = true;
      bulk.close();
      for (const end of [...open]) end();
    },
  };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
