// Original file: delivery.proto

import type { StreamEnd as _raworc_v0_StreamEnd, StreamEnd__Output as _raworc_v0_StreamEnd__Output } from '../../raworc/v0/StreamEnd.ts';
import type { StreamReset as _raworc_v0_StreamReset, StreamReset__Output as _raworc_v0_StreamReset__Output } from '../../raworc/v0/StreamReset.ts';
import type { StreamOpen as _raworc_v0_StreamOpen, StreamOpen__Output as _raworc_v0_StreamOpen__Output } from '../../raworc/v0/StreamOpen.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A frame of a byte stream, in either direction. Bytes arrive in order; each end sends no more than
 * its credit.
 */
export interface StreamFrame {
  /**
   * at most 256 KiB
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * grants the peer this many more bytes
   */
  'credit'?: (number | string | Long);
  /**
   * no data follows in this direction
   */
  'end'?: (_raworc_v0_StreamEnd | null);
  /**
   * ends both directions; unread data is dropped
   */
  'reset'?: (_raworc_v0_StreamReset | null);
  /**
   * Only as the first frame of the dialling end; GuestFrame reserves this number.
   */
  'open'?: (_raworc_v0_StreamOpen | null);
  'body'?: "data"|"credit"|"end"|"reset"|"open";
}

/**
 * A frame of a byte stream, in either direction. Bytes arrive in order; each end sends no more than
 * its credit.
 */
export interface StreamFrame__Output {
  /**
   * at most 256 KiB
   */
  'data'?: (Buffer);
  /**
   * grants the peer this many more bytes
   */
  'credit'?: (number);
  /**
   * no data follows in this direction
   */
  'end'?: (_raworc_v0_StreamEnd__Output | null);
  /**
   * ends both directions; unread data is dropped
   */
  'reset'?: (_raworc_v0_StreamReset__Output | null);
  /**
   * Only as the first frame of the dialling end; GuestFrame reserves this number.
   */
  'open'?: (_raworc_v0_StreamOpen__Output | null);
  'body'?: "data"|"credit"|"end"|"reset"|"open";
}
