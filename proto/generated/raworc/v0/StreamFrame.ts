// Original file: delivery.proto

import type { StreamEnd as _raworc_v0_StreamEnd, StreamEnd__Output as _raworc_v0_StreamEnd__Output } from '../../raworc/v0/StreamEnd.ts';
import type { StreamReset as _raworc_v0_StreamReset, StreamReset__Output as _raworc_v0_StreamReset__Output } from '../../raworc/v0/StreamReset.ts';
import type { StreamOpen as _raworc_v0_StreamOpen, StreamOpen__Output as _raworc_v0_StreamOpen__Output } from '../../raworc/v0/StreamOpen.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * One byte stream: what its connection or call carries, both ways. Bytes arrive in order; each end sends no more than it was granted.
 */
export interface StreamFrame {
  /**
   * at most 256 KiB
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * so many more bytes can be sent this way
   */
  'credit'?: (number | string | Long);
  /**
   * no data follows in this direction
   */
  'end'?: (_raworc_v0_StreamEnd | null);
  /**
   * the stream is over in both directions; what was not read is dropped
   */
  'reset'?: (_raworc_v0_StreamReset | null);
  /**
   * the first frame of the end that dials, and no other. GuestFrame has no field of this number
   */
  'open'?: (_raworc_v0_StreamOpen | null);
  'body'?: "data"|"credit"|"end"|"reset"|"open";
}

/**
 * One byte stream: what its connection or call carries, both ways. Bytes arrive in order; each end sends no more than it was granted.
 */
export interface StreamFrame__Output {
  /**
   * at most 256 KiB
   */
  'data'?: (Buffer);
  /**
   * so many more bytes can be sent this way
   */
  'credit'?: (number);
  /**
   * no data follows in this direction
   */
  'end'?: (_raworc_v0_StreamEnd__Output | null);
  /**
   * the stream is over in both directions; what was not read is dropped
   */
  'reset'?: (_raworc_v0_StreamReset__Output | null);
  /**
   * the first frame of the end that dials, and no other. GuestFrame has no field of this number
   */
  'open'?: (_raworc_v0_StreamOpen__Output | null);
  'body'?: "data"|"credit"|"end"|"reset"|"open";
}
