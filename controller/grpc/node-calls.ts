import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { byteStreamMethod, connectMethod, registryMethod } from '../../proto/node-service.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import { peerOf, type Trust } from './peer.ts';

/**
 * Most concurrent calls of one node over all its connections: its stream, one that is ending,
 * renewals, source downloads. Byte streams have their own bound.
 */
const MAX_CALLS = 8;
/** A node's engine moves few layers at once, of a few images, over a connection each. */
export const MAX_REGISTRY_CALLS = 32;
/** Byte streams allowed beyond the requested ones, for calls that are just ending. */
const SPARE_STREAMS = 16;

export interface NodeCallsDeps {
  readonly trust: Trust;
  readonly clock: Clock;
  /** How long a call can take to send its only message. */
  readonly callMs: number;
  /** Byte streams that this controller has requested from a node. */
  streamsOf(nodeId: NodeId): number;
  cutOff(peer: string): void;
}

/**
 * Bounds the memory of a node's unfinished calls: grpc-js delivers a call only with its whole
 * message, which can be large. A node that exceeds the bounds loses its connection.
 */
export function nodeCalls({ trust, clock, callMs, streamsOf, cutOff }: NodeCallsDeps): ServerInterceptor {
  const calls = new Map<NodeId, number>();
  const streams = new Map<NodeId, number>();
  const registry = new Map<NodeId, number>();
  const countedIn = new Map([
    [byteStreamMethod.path, streams],
    [registryMethod.path, registry],
  ]);
  const count = (calls: Map<NodeId, number>, nodeId: NodeId, change: 1 | -1) => {
    const now = (calls.get(nodeId) ?? 0) + change;
    if (now > 0) calls.set(nodeId, now);
    else calls.delete(nodeId);
    return now;
  };
  return (method, call) => {
    const address = call.getPeer();
    const peer = peerOf(call, trust, clock.now());
    const nodeId = peer.ok ? peer.value.nodeId : undefined;
    const counted = countedIn.get(method.path) ?? calls;
    const most = (id: NodeId) => {
      if (counted === streams) return streamsOf(id) + SPARE_STREAMS;
      return counted === registry ? MAX_REGISTRY_CALLS : MAX_CALLS;
    };
    const isBeyond = nodeId !== undefined && count(counted, nodeId, 1) > most(nodeId);
    let deadline: Timer | undefined;
    if (isBeyond) clock.soon(() => cutOff(address));
    else if (method.path !== connectMethod.path) deadline = clock.after(callMs, () => cutOff(address));
    let isOver = false;
    const over = () => {
      deadline?.cancel();
      if (isOver) return;
      isOver = true;
      if (nodeId !== undefined) count(counted, nodeId, -1);
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMessage(message, pass) {
            deadline?.cancel();
            pass(message);
          },
          onCancel: over,
        }),
      sendStatus(status, next) {
        over();
        next(status);
      },
    });
  };
}
