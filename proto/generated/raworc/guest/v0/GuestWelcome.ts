// Original file: guest.proto

import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from '../../../raworc/v0/AgentSpec.ts';
import type { Drain as _raworc_guest_v0_Drain, Drain__Output as _raworc_guest_v0_Drain__Output } from '../../../raworc/guest/v0/Drain.ts';
import type { Long } from '@grpc/proto-loader';

export interface GuestWelcome {
  'protocolVersion'?: (number);
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'space'?: (string);
  'agents'?: (_raworc_v0_AgentSpec)[];
  /**
   * as if it followed at once, before anything else is begun; without one, a drain that was asked for is taken back
   */
  'drain'?: (_raworc_guest_v0_Drain | null);
  /**
   * no message up to this number waits for an answer any more: those not begun are dropped
   */
  'settledSeq'?: (number | string | Long);
}

export interface GuestWelcome__Output {
  'protocolVersion': (number);
  'sessionId': (string);
  'generation': (number);
  'space': (string);
  'agents': (_raworc_v0_AgentSpec__Output)[];
  /**
   * as if it followed at once, before anything else is begun; without one, a drain that was asked for is taken back
   */
  'drain': (_raworc_guest_v0_Drain__Output | null);
  /**
   * no message up to this number waits for an answer any more: those not begun are dropped
   */
  'settledSeq': (number);
}
