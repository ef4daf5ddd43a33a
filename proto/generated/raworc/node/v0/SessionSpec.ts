// Original file: node.proto

import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from '../../../raworc/v0/AgentSpec.ts';
import type { Limits as _raworc_node_v0_Limits, Limits__Output as _raworc_node_v0_Limits__Output } from '../../../raworc/node/v0/Limits.ts';

export interface SessionSpec {
  'space'?: (string);
  'spaceId'?: (string);
  /**
   * tag, fixed for the session's lifetime
   */
  'image'?: (string);
  'agents'?: (_raworc_v0_AgentSpec)[];
  'limits'?: (_raworc_node_v0_Limits | null);
  /**
   * It ran before: fail if the volume is missing, never create an empty one.
   */
  'volumeExpected'?: (boolean);
  /**
   * "workstation"; empty: "locked"
   */
  'profile'?: (string);
}

export interface SessionSpec__Output {
  'space': (string);
  'spaceId': (string);
  /**
   * tag, fixed for the session's lifetime
   */
  'image': (string);
  'agents': (_raworc_v0_AgentSpec__Output)[];
  'limits': (_raworc_node_v0_Limits__Output | null);
  /**
   * It ran before: fail if the volume is missing, never create an empty one.
   */
  'volumeExpected': (boolean);
  /**
   * "workstation"; empty: "locked"
   */
  'profile': (string);
}
