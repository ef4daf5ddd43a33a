// Original file: node.proto

import type { Hello as _raworc_node_v0_Hello, Hello__Output as _raworc_node_v0_Hello__Output } from '../../../raworc/node/v0/Hello.ts';
import type { Inventory as _raworc_node_v0_Inventory, Inventory__Output as _raworc_node_v0_Inventory__Output } from '../../../raworc/node/v0/Inventory.ts';
import type { Heartbeat as _raworc_node_v0_Heartbeat, Heartbeat__Output as _raworc_node_v0_Heartbeat__Output } from '../../../raworc/node/v0/Heartbeat.ts';
import type { Report as _raworc_node_v0_Report, Report__Output as _raworc_node_v0_Report__Output } from '../../../raworc/node/v0/Report.ts';
import type { Removed as _raworc_node_v0_Removed, Removed__Output as _raworc_node_v0_Removed__Output } from '../../../raworc/node/v0/Removed.ts';
import type { Images as _raworc_node_v0_Images, Images__Output as _raworc_node_v0_Images__Output } from '../../../raworc/node/v0/Images.ts';
import type { BuildReport as _raworc_node_v0_BuildReport, BuildReport__Output as _raworc_node_v0_BuildReport__Output } from '../../../raworc/node/v0/BuildReport.ts';
import type { ShutdownDone as _raworc_node_v0_ShutdownDone, ShutdownDone__Output as _raworc_node_v0_ShutdownDone__Output } from '../../../raworc/node/v0/ShutdownDone.ts';
import type { Orphans as _raworc_node_v0_Orphans, Orphans__Output as _raworc_node_v0_Orphans__Output } from '../../../raworc/node/v0/Orphans.ts';
import type { Accepted as _raworc_v0_Accepted, Accepted__Output as _raworc_v0_Accepted__Output } from '../../../raworc/v0/Accepted.ts';
import type { RunStarted as _raworc_v0_RunStarted, RunStarted__Output as _raworc_v0_RunStarted__Output } from '../../../raworc/v0/RunStarted.ts';
import type { Delta as _raworc_v0_Delta, Delta__Output as _raworc_v0_Delta__Output } from '../../../raworc/v0/Delta.ts';
import type { Answer as _raworc_v0_Answer, Answer__Output as _raworc_v0_Answer__Output } from '../../../raworc/v0/Answer.ts';
import type { SecretsRequest as _raworc_v0_SecretsRequest, SecretsRequest__Output as _raworc_v0_SecretsRequest__Output } from '../../../raworc/v0/SecretsRequest.ts';
import type { ImageMissing as _raworc_node_v0_ImageMissing, ImageMissing__Output as _raworc_node_v0_ImageMissing__Output } from '../../../raworc/node/v0/ImageMissing.ts';
import type { Conditions as _raworc_node_v0_Conditions, Conditions__Output as _raworc_node_v0_Conditions__Output } from '../../../raworc/node/v0/Conditions.ts';
import type { SetPartTaken as _raworc_node_v0_SetPartTaken, SetPartTaken__Output as _raworc_node_v0_SetPartTaken__Output } from '../../../raworc/node/v0/SetPartTaken.ts';
import type { SetJudged as _raworc_node_v0_SetJudged, SetJudged__Output as _raworc_node_v0_SetJudged__Output } from '../../../raworc/node/v0/SetJudged.ts';
import type { DiskState as _raworc_node_v0_DiskState, DiskState__Output as _raworc_node_v0_DiskState__Output } from '../../../raworc/node/v0/DiskState.ts';
import type { ImageMoved as _raworc_node_v0_ImageMoved, ImageMoved__Output as _raworc_node_v0_ImageMoved__Output } from '../../../raworc/node/v0/ImageMoved.ts';
import type { Workers as _raworc_v0_Workers, Workers__Output as _raworc_v0_Workers__Output } from '../../../raworc/v0/Workers.ts';
import type { LimitReached as _raworc_v0_LimitReached, LimitReached__Output as _raworc_v0_LimitReached__Output } from '../../../raworc/v0/LimitReached.ts';
import type { StreamRefused as _raworc_v0_StreamRefused, StreamRefused__Output as _raworc_v0_StreamRefused__Output } from '../../../raworc/v0/StreamRefused.ts';

export interface NodeFrame {
  'hello'?: (_raworc_node_v0_Hello | null);
  'inventory'?: (_raworc_node_v0_Inventory | null);
  'heartbeat'?: (_raworc_node_v0_Heartbeat | null);
  'report'?: (_raworc_node_v0_Report | null);
  'removed'?: (_raworc_node_v0_Removed | null);
  'images'?: (_raworc_node_v0_Images | null);
  'build'?: (_raworc_node_v0_BuildReport | null);
  'shutdownDone'?: (_raworc_node_v0_ShutdownDone | null);
  'orphans'?: (_raworc_node_v0_Orphans | null);
  'accepted'?: (_raworc_v0_Accepted | null);
  'runStarted'?: (_raworc_v0_RunStarted | null);
  'delta'?: (_raworc_v0_Delta | null);
  'answer'?: (_raworc_v0_Answer | null);
  'secretsRequest'?: (_raworc_v0_SecretsRequest | null);
  'imageMissing'?: (_raworc_node_v0_ImageMissing | null);
  'conditions'?: (_raworc_node_v0_Conditions | null);
  'setPartTaken'?: (_raworc_node_v0_SetPartTaken | null);
  'setJudged'?: (_raworc_node_v0_SetJudged | null);
  'disk'?: (_raworc_node_v0_DiskState | null);
  'imageMoved'?: (_raworc_node_v0_ImageMoved | null);
  'workers'?: (_raworc_v0_Workers | null);
  'limitReached'?: (_raworc_v0_LimitReached | null);
  'streamRefused'?: (_raworc_v0_StreamRefused | null);
  'body'?: "hello"|"inventory"|"heartbeat"|"report"|"removed"|"orphans"|"images"|"build"|"shutdownDone"|"accepted"|"runStarted"|"delta"|"answer"|"secretsRequest"|"imageMissing"|"setPartTaken"|"setJudged"|"workers"|"conditions"|"limitReached"|"disk"|"imageMoved"|"streamRefused";
}

export interface NodeFrame__Output {
  'hello'?: (_raworc_node_v0_Hello__Output | null);
  'inventory'?: (_raworc_node_v0_Inventory__Output | null);
  'heartbeat'?: (_raworc_node_v0_Heartbeat__Output | null);
  'report'?: (_raworc_node_v0_Report__Output | null);
  'removed'?: (_raworc_node_v0_Removed__Output | null);
  'images'?: (_raworc_node_v0_Images__Output | null);
  'build'?: (_raworc_node_v0_BuildReport__Output | null);
  'shutdownDone'?: (_raworc_node_v0_ShutdownDone__Output | null);
  'orphans'?: (_raworc_node_v0_Orphans__Output | null);
  'accepted'?: (_raworc_v0_Accepted__Output | null);
  'runStarted'?: (_raworc_v0_RunStarted__Output | null);
  'delta'?: (_raworc_v0_Delta__Output | null);
  'answer'?: (_raworc_v0_Answer__Output | null);
  'secretsRequest'?: (_raworc_v0_SecretsRequest__Output | null);
  'imageMissing'?: (_raworc_node_v0_ImageMissing__Output | null);
  'conditions'?: (_raworc_node_v0_Conditions__Output | null);
  'setPartTaken'?: (_raworc_node_v0_SetPartTaken__Output | null);
  'setJudged'?: (_raworc_node_v0_SetJudged__Output | null);
  'disk'?: (_raworc_node_v0_DiskState__Output | null);
  'imageMoved'?: (_raworc_node_v0_ImageMoved__Output | null);
  'workers'?: (_raworc_v0_Workers__Output | null);
  'limitReached'?: (_raworc_v0_LimitReached__Output | null);
  'streamRefused'?: (_raworc_v0_StreamRefused__Output | null);
  'body'?: "hello"|"inventory"|"heartbeat"|"report"|"removed"|"orphans"|"images"|"build"|"shutdownDone"|"accepted"|"runStarted"|"delta"|"answer"|"secretsRequest"|"imageMissing"|"setPartTaken"|"setJudged"|"workers"|"conditions"|"limitReached"|"disk"|"imageMoved"|"streamRefused";
}
