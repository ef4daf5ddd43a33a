// Original file: guest.proto

import type { GuestHello as _raworc_guest_v0_GuestHello, GuestHello__Output as _raworc_guest_v0_GuestHello__Output } from '../../../raworc/guest/v0/GuestHello.ts';
import type { Accepted as _raworc_v0_Accepted, Accepted__Output as _raworc_v0_Accepted__Output } from '../../../raworc/v0/Accepted.ts';
import type { RunStarted as _raworc_v0_RunStarted, RunStarted__Output as _raworc_v0_RunStarted__Output } from '../../../raworc/v0/RunStarted.ts';
import type { Delta as _raworc_v0_Delta, Delta__Output as _raworc_v0_Delta__Output } from '../../../raworc/v0/Delta.ts';
import type { Answer as _raworc_v0_Answer, Answer__Output as _raworc_v0_Answer__Output } from '../../../raworc/v0/Answer.ts';
import type { Ignored as _raworc_guest_v0_Ignored, Ignored__Output as _raworc_guest_v0_Ignored__Output } from '../../../raworc/guest/v0/Ignored.ts';
import type { Drained as _raworc_guest_v0_Drained, Drained__Output as _raworc_guest_v0_Drained__Output } from '../../../raworc/guest/v0/Drained.ts';
import type { SecretsRequest as _raworc_v0_SecretsRequest, SecretsRequest__Output as _raworc_v0_SecretsRequest__Output } from '../../../raworc/v0/SecretsRequest.ts';
import type { Workers as _raworc_v0_Workers, Workers__Output as _raworc_v0_Workers__Output } from '../../../raworc/v0/Workers.ts';
import type { LimitReached as _raworc_v0_LimitReached, LimitReached__Output as _raworc_v0_LimitReached__Output } from '../../../raworc/v0/LimitReached.ts';
import type { StreamRefused as _raworc_v0_StreamRefused, StreamRefused__Output as _raworc_v0_StreamRefused__Output } from '../../../raworc/v0/StreamRefused.ts';

export interface GuestFrame {
  'hello'?: (_raworc_guest_v0_GuestHello | null);
  'accepted'?: (_raworc_v0_Accepted | null);
  'runStarted'?: (_raworc_v0_RunStarted | null);
  'delta'?: (_raworc_v0_Delta | null);
  'answer'?: (_raworc_v0_Answer | null);
  /**
   * Log lines of guests that started before byte streams existed. The node agent ignores them.
   * @deprecated
   */
  'log'?: (_raworc_guest_v0_Ignored | null);
  'drained'?: (_raworc_guest_v0_Drained | null);
  'secretsRequest'?: (_raworc_v0_SecretsRequest | null);
  'workers'?: (_raworc_v0_Workers | null);
  'limitReached'?: (_raworc_v0_LimitReached | null);
  'streamRefused'?: (_raworc_v0_StreamRefused | null);
  'body'?: "hello"|"accepted"|"runStarted"|"delta"|"answer"|"log"|"drained"|"secretsRequest"|"workers"|"limitReached"|"streamRefused";
}

export interface GuestFrame__Output {
  'hello'?: (_raworc_guest_v0_GuestHello__Output | null);
  'accepted'?: (_raworc_v0_Accepted__Output | null);
  'runStarted'?: (_raworc_v0_RunStarted__Output | null);
  'delta'?: (_raworc_v0_Delta__Output | null);
  'answer'?: (_raworc_v0_Answer__Output | null);
  /**
   * Log lines of guests that started before byte streams existed. The node agent ignores them.
   * @deprecated
   */
  'log'?: (_raworc_guest_v0_Ignored__Output | null);
  'drained'?: (_raworc_guest_v0_Drained__Output | null);
  'secretsRequest'?: (_raworc_v0_SecretsRequest__Output | null);
  'workers'?: (_raworc_v0_Workers__Output | null);
  'limitReached'?: (_raworc_v0_LimitReached__Output | null);
  'streamRefused'?: (_raworc_v0_StreamRefused__Output | null);
  'body'?: "hello"|"accepted"|"runStarted"|"delta"|"answer"|"log"|"drained"|"secretsRequest"|"workers"|"limitReached"|"streamRefused";
}
