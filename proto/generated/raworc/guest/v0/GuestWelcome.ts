// Original file: guest.proto

import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from '../../../raworc/v0/AgentSpec.ts';
import type { Long } from '@grpc/proto-loader';

export interface GuestWelcome {
  'protocolVersion'?: (number);
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'space'?: (string);
  'agents'?: (_raworc_v0_AgentSpec)[];
  /**
   * for agents: secrets of the space; held in memory only
   */
  'environment'?: ({[key: string]: string});
}

export interface GuestWelcome__Output {
  'protocolVersion': (number);
  'sessionId': (string);
  'generation': (number);
  'space': (string);
  'agents': (_raworc_v0_AgentSpec__Output)[];
  /**
   * for agents: secrets of the space; held in memory only
   */
  'environment': ({[key: string]: string});
}
