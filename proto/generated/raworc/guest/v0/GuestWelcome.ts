// Original file: guest.proto

import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from '../../../raworc/v0/AgentSpec.ts';
import type { Drain as _raworc_guest_v0_Drain, Drain__Output as _raworc_guest_v0_Drain__Output } from '../../../raworc/guest/v0/Drain.ts';
import type { CancelMessage as _raworc_v0_CancelMessage, CancelMessage__Output as _raworc_v0_CancelMessage__Output } from '../../../raworc/v0/CancelMessage.ts';
import type { Long } from '@grpc/proto-loader';

export interface GuestWelcome {
  'protocolVersion'?: (number);
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'space'?: (string);
  'agents'?: (_raworc_v0_AgentSpec)[];
  /**
   * Applies before any run starts; when absent, an earlier drain is cancelled.
   */
  'drain'?: (_raworc_guest_v0_Drain | null);
  /**
   * Every message up to this seq is settled: the guest drops those that it has not started.
   */
  'settledSeq'?: (number | string | Long);
  /**
   * applies before any run starts
   */
  'cancelled'?: (_raworc_v0_CancelMessage)[];
  /**
   * start the agents' processes now, before there is a message
   */
  'startWorkers'?: (boolean);
}

export interface GuestWelcome__Output {
  'protocolVersion': (number);
  'sessionId': (string);
  'generation': (number);
  'space': (string);
  'agents': (_raworc_v0_AgentSpec__Output)[];
  /**
   * Applies before any run starts; when absent, an earlier drain is cancelled.
   */
  'drain': (_raworc_guest_v0_Drain__Output | null);
  /**
   * Every message up to this seq is settled: the guest drops those that it has not started.
   */
  'settledSeq': (number);
  /**
   * applies before any run starts
   */
  'cancelled': (_raworc_v0_CancelMessage__Output)[];
  /**
   * start the agents' processes now, before there is a message
   */
  'startWorkers': (boolean);
}
