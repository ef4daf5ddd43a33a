// Original file: node.proto

import type { Capacity as _raworc_node_v0_Capacity, Capacity__Output as _raworc_node_v0_Capacity__Output } from '../../../raworc/node/v0/Capacity.ts';
import type { Long } from '@grpc/proto-loader';

export interface Hello {
  /**
   * oldest that the node agent speaks
   */
  'protocolVersion'?: (number);
  'agentVersion'?: (string);
  'clusterId'?: (string);
  /**
   * newest that this node knows, 0 when none
   */
  'epoch'?: (number | string | Long);
  'incarnation'?: (number | string | Long);
  /**
   * number of starts of this node agent, from its journal
   */
  'boot'?: (number | string | Long);
  /**
   * "docker" or "hollow"
   */
  'driver'?: (string);
  'capacity'?: (_raworc_node_v0_Capacity | null);
  'hostname'?: (string);
  /**
   * accepts PullImage and PushImage
   */
  'movesImages'?: (boolean);
  /**
   * 0: speaks only protocol_version
   */
  'newestProtocolVersion'?: (number);
  /**
   * accepts RemoveImage
   */
  'removesImages'?: (boolean);
  /**
   * fingerprint of the host's hardware; '' when unknown
   */
  'machine'?: (string);
  /**
   * nodes with the same one share an engine and its images; '' when unknown
   */
  'engine'?: (string);
  /**
   * of the images that run here: "linux/arm64"; '' from older releases
   */
  'platform'?: (string);
  /**
   * accepts CancelMessage
   */
  'cancelsMessages'?: (boolean);
  /**
   * what its builds can do; see proto/build-features.ts
   */
  'buildFeatures'?: (string)[];
  /**
   * Profiles that its sessions can have, and MakeImage with them. Empty: "locked".
   */
  'profiles'?: (string)[];
  /**
   * knows assignments that are slots
   */
  'takesSlots'?: (boolean);
}

export interface Hello__Output {
  /**
   * oldest that the node agent speaks
   */
  'protocolVersion': (number);
  'agentVersion': (string);
  'clusterId': (string);
  /**
   * newest that this node knows, 0 when none
   */
  'epoch': (number);
  'incarnation': (number);
  /**
   * number of starts of this node agent, from its journal
   */
  'boot': (number);
  /**
   * "docker" or "hollow"
   */
  'driver': (string);
  'capacity': (_raworc_node_v0_Capacity__Output | null);
  'hostname': (string);
  /**
   * accepts PullImage and PushImage
   */
  'movesImages': (boolean);
  /**
   * 0: speaks only protocol_version
   */
  'newestProtocolVersion': (number);
  /**
   * accepts RemoveImage
   */
  'removesImages': (boolean);
  /**
   * fingerprint of the host's hardware; '' when unknown
   */
  'machine': (string);
  /**
   * nodes with the same one share an engine and its images; '' when unknown
   */
  'engine': (string);
  /**
   * of the images that run here: "linux/arm64"; '' from older releases
   */
  'platform': (string);
  /**
   * accepts CancelMessage
   */
  'cancelsMessages': (boolean);
  /**
   * what its builds can do; see proto/build-features.ts
   */
  'buildFeatures': (string)[];
  /**
   * Profiles that its sessions can have, and MakeImage with them. Empty: "locked".
   */
  'profiles': (string)[];
  /**
   * knows assignments that are slots
   */
  'takesSlots': (boolean);
}
