// Original file: node.proto

import type { BuildPhase as _raworc_node_v0_BuildPhase, BuildPhase__Output as _raworc_node_v0_BuildPhase__Output } from '../../../raworc/node/v0/BuildPhase.ts';
import type { BuildStage as _raworc_node_v0_BuildStage, BuildStage__Output as _raworc_node_v0_BuildStage__Output } from '../../../raworc/node/v0/BuildStage.ts';

export interface BuildReport {
  'buildId'?: (string);
  'phase'?: (_raworc_node_v0_BuildPhase);
  'imageId'?: (string);
  'error'?: (string);
  /**
   * The build failed because neither the engine nor the node has the base image.
   */
  'baseImageMissing'?: (boolean);
  /**
   * The build did not begin: the node accepts no builds now.
   */
  'refusedNow'?: (boolean);
  /**
   * The agent that brings an image, and the one that this starts from, with its digest. Empty without one.
   */
  'ownBaseAgent'?: (string);
  'ownBaseImage'?: (string);
  /**
   * Stages so far, in order of their beginning.
   */
  'stages'?: (_raworc_node_v0_BuildStage)[];
}

export interface BuildReport__Output {
  'buildId': (string);
  'phase': (_raworc_node_v0_BuildPhase__Output);
  'imageId': (string);
  'error': (string);
  /**
   * The build failed because neither the engine nor the node has the base image.
   */
  'baseImageMissing': (boolean);
  /**
   * The build did not begin: the node accepts no builds now.
   */
  'refusedNow': (boolean);
  /**
   * The agent that brings an image, and the one that this starts from, with its digest. Empty without one.
   */
  'ownBaseAgent': (string);
  'ownBaseImage': (string);
  /**
   * Stages so far, in order of their beginning.
   */
  'stages': (_raworc_node_v0_BuildStage__Output)[];
}
