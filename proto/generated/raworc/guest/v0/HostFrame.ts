// Original file: guest.proto

import type { GuestWelcome as _raworc_guest_v0_GuestWelcome, GuestWelcome__Output as _raworc_guest_v0_GuestWelcome__Output } from '../../../raworc/guest/v0/GuestWelcome.ts';
import type { Deliver as _raworc_v0_Deliver, Deliver__Output as _raworc_v0_Deliver__Output } from '../../../raworc/v0/Deliver.ts';
import type { Settled as _raworc_v0_Settled, Settled__Output as _raworc_v0_Settled__Output } from '../../../raworc/v0/Settled.ts';
import type { Drain as _raworc_guest_v0_Drain, Drain__Output as _raworc_guest_v0_Drain__Output } from '../../../raworc/guest/v0/Drain.ts';
import type { Secrets as _raworc_v0_Secrets, Secrets__Output as _raworc_v0_Secrets__Output } from '../../../raworc/v0/Secrets.ts';
import type { StopAgent as _raworc_v0_StopAgent, StopAgent__Output as _raworc_v0_StopAgent__Output } from '../../../raworc/v0/StopAgent.ts';
import type { OpenStream as _raworc_v0_OpenStream, OpenStream__Output as _raworc_v0_OpenStream__Output } from '../../../raworc/v0/OpenStream.ts';
import type { CancelMessage as _raworc_v0_CancelMessage, CancelMessage__Output as _raworc_v0_CancelMessage__Output } from '../../../raworc/v0/CancelMessage.ts';

export interface HostFrame {
  'welcome'?: (_raworc_guest_v0_GuestWelcome | null);
  'deliver'?: (_raworc_v0_Deliver | null);
  'settled'?: (_raworc_v0_Settled | null);
  'drain'?: (_raworc_guest_v0_Drain | null);
  'secrets'?: (_raworc_v0_Secrets | null);
  'stopAgent'?: (_raworc_v0_StopAgent | null);
  'openStream'?: (_raworc_v0_OpenStream | null);
  'cancelMessage'?: (_raworc_v0_CancelMessage | null);
  'body'?: "welcome"|"deliver"|"settled"|"drain"|"secrets"|"stopAgent"|"openStream"|"cancelMessage";
}

export interface HostFrame__Output {
  'welcome'?: (_raworc_guest_v0_GuestWelcome__Output | null);
  'deliver'?: (_raworc_v0_Deliver__Output | null);
  'settled'?: (_raworc_v0_Settled__Output | null);
  'drain'?: (_raworc_guest_v0_Drain__Output | null);
  'secrets'?: (_raworc_v0_Secrets__Output | null);
  'stopAgent'?: (_raworc_v0_StopAgent__Output | null);
  'openStream'?: (_raworc_v0_OpenStream__Output | null);
  'cancelMessage'?: (_raworc_v0_CancelMessage__Output | null);
  'body'?: "welcome"|"deliver"|"settled"|"drain"|"secrets"|"stopAgent"|"openStream"|"cancelMessage";
}
