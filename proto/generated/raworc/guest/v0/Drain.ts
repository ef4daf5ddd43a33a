// Original file: guest.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The session is to be suspended: take nothing more, let what runs finish within the grace or interrupt it, flush, and
 * say `drained`. What was taken and not begun stays in the inbox, and is run after the resume.
 */
export interface Drain {
  'graceMs'?: (number | string | Long);
}

/**
 * The session is to be suspended: take nothing more, let what runs finish within the grace or interrupt it, flush, and
 * say `drained`. What was taken and not begun stays in the inbox, and is run after the resume.
 */
export interface Drain__Output {
  'graceMs': (number);
}
