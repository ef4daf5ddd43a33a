// Original file: node.proto

import type { AgentSource as _raworc_node_v0_AgentSource, AgentSource__Output as _raworc_node_v0_AgentSource__Output } from '../../../raworc/node/v0/AgentSource.ts';

export interface BuildAssignment {
  'buildId'?: (string);
  'space'?: (string);
  /**
   * tag of the image to build
   */
  'image'?: (string);
  'baseImage'?: (string);
  'agents'?: (_raworc_node_v0_AgentSource)[];
}

export interface BuildAssignment__Output {
  'buildId': (string);
  'space': (string);
  /**
   * tag of the image to build
   */
  'image': (string);
  'baseImage': (string);
  'agents': (_raworc_node_v0_AgentSource__Output)[];
}
