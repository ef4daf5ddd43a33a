// Original file: node.proto

import type { AgentSource as _raworc_node_v0_AgentSource, AgentSource__Output as _raworc_node_v0_AgentSource__Output } from '../../../raworc/node/v0/AgentSource.ts';
import type { RepositorySource as _raworc_node_v0_RepositorySource, RepositorySource__Output as _raworc_node_v0_RepositorySource__Output } from '../../../raworc/node/v0/RepositorySource.ts';

export interface BuildAssignment {
  'buildId'?: (string);
  'space'?: (string);
  /**
   * tag of the image to build
   */
  'image'?: (string);
  'baseImage'?: (string);
  'agents'?: (_raworc_node_v0_AgentSource)[];
  /**
   * agents whose sources the node fetches first
   */
  'repositories'?: (_raworc_node_v0_RepositorySource)[];
  /**
   * Opens one ByteStream call that carries the build's log; see proto/streams/build-log.ts. Empty:
   * nobody reads the log.
   */
  'logTicket'?: (string);
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
  /**
   * agents whose sources the node fetches first
   */
  'repositories': (_raworc_node_v0_RepositorySource__Output)[];
  /**
   * Opens one ByteStream call that carries the build's log; see proto/streams/build-log.ts. Empty:
   * nobody reads the log.
   */
  'logTicket': (string);
}
