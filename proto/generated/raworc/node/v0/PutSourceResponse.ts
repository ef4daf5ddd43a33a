// Original file: node.proto

import type { AgentSource as _raworc_node_v0_AgentSource, AgentSource__Output as _raworc_node_v0_AgentSource__Output } from '../../../raworc/node/v0/AgentSource.ts';

export interface PutSourceResponse {
  /**
   * absent if it was refused
   */
  'source'?: (_raworc_node_v0_AgentSource | null);
  /**
   * sentences for the user
   */
  'refusal'?: (string);
  /**
   * The build has ended: all of it is as in this earlier one, whose image serves on.
   */
  'sameAs'?: (string);
}

export interface PutSourceResponse__Output {
  /**
   * absent if it was refused
   */
  'source': (_raworc_node_v0_AgentSource__Output | null);
  /**
   * sentences for the user
   */
  'refusal': (string);
  /**
   * The build has ended: all of it is as in this earlier one, whose image serves on.
   */
  'sameAs': (string);
}
