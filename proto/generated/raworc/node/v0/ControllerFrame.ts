// Original file: node.proto

import type { Welcome as _raworc_node_v0_Welcome, Welcome__Output as _raworc_node_v0_Welcome__Output } from '../../../raworc/node/v0/Welcome.ts';
import type { AssignmentSet as _raworc_node_v0_AssignmentSet, AssignmentSet__Output as _raworc_node_v0_AssignmentSet__Output } from '../../../raworc/node/v0/AssignmentSet.ts';
import type { AssignmentChange as _raworc_node_v0_AssignmentChange, AssignmentChange__Output as _raworc_node_v0_AssignmentChange__Output } from '../../../raworc/node/v0/AssignmentChange.ts';
import type { HeartbeatAck as _raworc_node_v0_HeartbeatAck, HeartbeatAck__Output as _raworc_node_v0_HeartbeatAck__Output } from '../../../raworc/node/v0/HeartbeatAck.ts';
import type { BuildAssignment as _raworc_node_v0_BuildAssignment, BuildAssignment__Output as _raworc_node_v0_BuildAssignment__Output } from '../../../raworc/node/v0/BuildAssignment.ts';
import type { Shutdown as _raworc_node_v0_Shutdown, Shutdown__Output as _raworc_node_v0_Shutdown__Output } from '../../../raworc/node/v0/Shutdown.ts';
import type { Deliver as _raworc_v0_Deliver, Deliver__Output as _raworc_v0_Deliver__Output } from '../../../raworc/v0/Deliver.ts';
import type { Settled as _raworc_v0_Settled, Settled__Output as _raworc_v0_Settled__Output } from '../../../raworc/v0/Settled.ts';
import type { Secrets as _raworc_v0_Secrets, Secrets__Output as _raworc_v0_Secrets__Output } from '../../../raworc/v0/Secrets.ts';
import type { ImageGone as _raworc_node_v0_ImageGone, ImageGone__Output as _raworc_node_v0_ImageGone__Output } from '../../../raworc/node/v0/ImageGone.ts';
import type { SetDigest as _raworc_node_v0_SetDigest, SetDigest__Output as _raworc_node_v0_SetDigest__Output } from '../../../raworc/node/v0/SetDigest.ts';
import type { InventoryTaken as _raworc_node_v0_InventoryTaken, InventoryTaken__Output as _raworc_node_v0_InventoryTaken__Output } from '../../../raworc/node/v0/InventoryTaken.ts';
import type { PullImage as _raworc_node_v0_PullImage, PullImage__Output as _raworc_node_v0_PullImage__Output } from '../../../raworc/node/v0/PullImage.ts';
import type { PushImage as _raworc_node_v0_PushImage, PushImage__Output as _raworc_node_v0_PushImage__Output } from '../../../raworc/node/v0/PushImage.ts';
import type { RemoveImage as _raworc_node_v0_RemoveImage, RemoveImage__Output as _raworc_node_v0_RemoveImage__Output } from '../../../raworc/node/v0/RemoveImage.ts';
import type { CancelBuild as _raworc_node_v0_CancelBuild, CancelBuild__Output as _raworc_node_v0_CancelBuild__Output } from '../../../raworc/node/v0/CancelBuild.ts';
import type { MakeImage as _raworc_node_v0_MakeImage, MakeImage__Output as _raworc_node_v0_MakeImage__Output } from '../../../raworc/node/v0/MakeImage.ts';
import type { StopAgent as _raworc_v0_StopAgent, StopAgent__Output as _raworc_v0_StopAgent__Output } from '../../../raworc/v0/StopAgent.ts';
import type { OpenStream as _raworc_v0_OpenStream, OpenStream__Output as _raworc_v0_OpenStream__Output } from '../../../raworc/v0/OpenStream.ts';
import type { CancelMessage as _raworc_v0_CancelMessage, CancelMessage__Output as _raworc_v0_CancelMessage__Output } from '../../../raworc/v0/CancelMessage.ts';

export interface ControllerFrame {
  'welcome'?: (_raworc_node_v0_Welcome | null);
  'assignmentSet'?: (_raworc_node_v0_AssignmentSet | null);
  'assignmentChange'?: (_raworc_node_v0_AssignmentChange | null);
  'heartbeatAck'?: (_raworc_node_v0_HeartbeatAck | null);
  'build'?: (_raworc_node_v0_BuildAssignment | null);
  'shutdown'?: (_raworc_node_v0_Shutdown | null);
  'deliver'?: (_raworc_v0_Deliver | null);
  'settled'?: (_raworc_v0_Settled | null);
  'secrets'?: (_raworc_v0_Secrets | null);
  'imageGone'?: (_raworc_node_v0_ImageGone | null);
  'setDigest'?: (_raworc_node_v0_SetDigest | null);
  'inventoryTaken'?: (_raworc_node_v0_InventoryTaken | null);
  'pullImage'?: (_raworc_node_v0_PullImage | null);
  'pushImage'?: (_raworc_node_v0_PushImage | null);
  'removeImage'?: (_raworc_node_v0_RemoveImage | null);
  'cancelBuild'?: (_raworc_node_v0_CancelBuild | null);
  'makeImage'?: (_raworc_node_v0_MakeImage | null);
  'stopAgent'?: (_raworc_v0_StopAgent | null);
  'openStream'?: (_raworc_v0_OpenStream | null);
  'cancelMessage'?: (_raworc_v0_CancelMessage | null);
  'body'?: "welcome"|"assignmentSet"|"assignmentChange"|"heartbeatAck"|"build"|"shutdown"|"deliver"|"settled"|"secrets"|"imageGone"|"setDigest"|"inventoryTaken"|"pullImage"|"pushImage"|"removeImage"|"cancelBuild"|"makeImage"|"stopAgent"|"openStream"|"cancelMessage";
}

export interface ControllerFrame__Output {
  'welcome'?: (_raworc_node_v0_Welcome__Output | null);
  'assignmentSet'?: (_raworc_node_v0_AssignmentSet__Output | null);
  'assignmentChange'?: (_raworc_node_v0_AssignmentChange__Output | null);
  'heartbeatAck'?: (_raworc_node_v0_HeartbeatAck__Output | null);
  'build'?: (_raworc_node_v0_BuildAssignment__Output | null);
  'shutdown'?: (_raworc_node_v0_Shutdown__Output | null);
  'deliver'?: (_raworc_v0_Deliver__Output | null);
  'settled'?: (_raworc_v0_Settled__Output | null);
  'secrets'?: (_raworc_v0_Secrets__Output | null);
  'imageGone'?: (_raworc_node_v0_ImageGone__Output | null);
  'setDigest'?: (_raworc_node_v0_SetDigest__Output | null);
  'inventoryTaken'?: (_raworc_node_v0_InventoryTaken__Output | null);
  'pullImage'?: (_raworc_node_v0_PullImage__Output | null);
  'pushImage'?: (_raworc_node_v0_PushImage__Output | null);
  'removeImage'?: (_raworc_node_v0_RemoveImage__Output | null);
  'cancelBuild'?: (_raworc_node_v0_CancelBuild__Output | null);
  'makeImage'?: (_raworc_node_v0_MakeImage__Output | null);
  'stopAgent'?: (_raworc_v0_StopAgent__Output | null);
  'openStream'?: (_raworc_v0_OpenStream__Output | null);
  'cancelMessage'?: (_raworc_v0_CancelMessage__Output | null);
  'body'?: "welcome"|"assignmentSet"|"assignmentChange"|"heartbeatAck"|"build"|"shutdown"|"deliver"|"settled"|"secrets"|"imageGone"|"setDigest"|"inventoryTaken"|"pullImage"|"pushImage"|"removeImage"|"cancelBuild"|"makeImage"|"stopAgent"|"openStream"|"cancelMessage";
}
