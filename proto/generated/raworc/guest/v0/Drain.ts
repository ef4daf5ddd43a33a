// Original file: guest.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Prepare to suspend the session: accept nothing more, let the current run finish within the grace
 * or interrupt it, flush, and send `drained`. Queued messages stay in the inbox and run after the
 * resume.
 */
export interface Drain {
  'graceMs'?: (number | string | Long);
}

/**
 * Prepare to suspend the session: accept nothing more, let the current run finish within the grace
 * or interrupt it, flush, and send `drained`. Queued messages stay in the inbox and run after the
 * resume.
 */
export interface Drain__Output {
  'graceMs': (number);
}
