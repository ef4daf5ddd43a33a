import { guestFrames, hostFrames } from '../../proto/codec.ts';
import type { GuestFrame, HostFrame } from '../../proto/frame.ts';

/** The method of a gRPC service for guests: one bidirectional stream. */
export const method = {
  path: '/raworc.bench.Guest/Connect',
  requestStream: true,
  responseStream: true,
  requestSerialize: (frame: GuestFrame) => guestFrames.encode(frame),
  requestDeserialize: (bytes: Buffer) => guestFrames.decode(bytes),
  responseSerialize: (frame: HostFrame) => hostFrames.encode(frame),
  responseDeserialize: (bytes: Buffer) => hostFrames.decode(bytes),
} as const;
