import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AgentSource as _raworc_node_v0_AgentSource, AgentSource__Output as _raworc_node_v0_AgentSource__Output } from './raworc/node/v0/AgentSource.ts';
import type { Assignment as _raworc_node_v0_Assignment, Assignment__Output as _raworc_node_v0_Assignment__Output } from './raworc/node/v0/Assignment.ts';
import type { AssignmentChange as _raworc_node_v0_AssignmentChange, AssignmentChange__Output as _raworc_node_v0_AssignmentChange__Output } from './raworc/node/v0/AssignmentChange.ts';
import type { AssignmentSet as _raworc_node_v0_AssignmentSet, AssignmentSet__Output as _raworc_node_v0_AssignmentSet__Output } from './raworc/node/v0/AssignmentSet.ts';
import type { BuildAssignment as _raworc_node_v0_BuildAssignment, BuildAssignment__Output as _raworc_node_v0_BuildAssignment__Output } from './raworc/node/v0/BuildAssignment.ts';
import type { BuildReport as _raworc_node_v0_BuildReport, BuildReport__Output as _raworc_node_v0_BuildReport__Output } from './raworc/node/v0/BuildReport.ts';
import type { BuildStage as _raworc_node_v0_BuildStage, BuildStage__Output as _raworc_node_v0_BuildStage__Output } from './raworc/node/v0/BuildStage.ts';
import type { CancelBuild as _raworc_node_v0_CancelBuild, CancelBuild__Output as _raworc_node_v0_CancelBuild__Output } from './raworc/node/v0/CancelBuild.ts';
import type { Capacity as _raworc_node_v0_Capacity, Capacity__Output as _raworc_node_v0_Capacity__Output } from './raworc/node/v0/Capacity.ts';
import type { ChallengeRequest as _raworc_node_v0_ChallengeRequest, ChallengeRequest__Output as _raworc_node_v0_ChallengeRequest__Output } from './raworc/node/v0/ChallengeRequest.ts';
import type { ChallengeResponse as _raworc_node_v0_ChallengeResponse, ChallengeResponse__Output as _raworc_node_v0_ChallengeResponse__Output } from './raworc/node/v0/ChallengeResponse.ts';
import type { Condition as _raworc_node_v0_Condition, Condition__Output as _raworc_node_v0_Condition__Output } from './raworc/node/v0/Condition.ts';
import type { Conditions as _raworc_node_v0_Conditions, Conditions__Output as _raworc_node_v0_Conditions__Output } from './raworc/node/v0/Conditions.ts';
import type { ControllerFrame as _raworc_node_v0_ControllerFrame, ControllerFrame__Output as _raworc_node_v0_ControllerFrame__Output } from './raworc/node/v0/ControllerFrame.ts';
import type { DiskState as _raworc_node_v0_DiskState, DiskState__Output as _raworc_node_v0_DiskState__Output } from './raworc/node/v0/DiskState.ts';
import type { FetchSourceRequest as _raworc_node_v0_FetchSourceRequest, FetchSourceRequest__Output as _raworc_node_v0_FetchSourceRequest__Output } from './raworc/node/v0/FetchSourceRequest.ts';
import type { Heartbeat as _raworc_node_v0_Heartbeat, Heartbeat__Output as _raworc_node_v0_Heartbeat__Output } from './raworc/node/v0/Heartbeat.ts';
import type { HeartbeatAck as _raworc_node_v0_HeartbeatAck, HeartbeatAck__Output as _raworc_node_v0_HeartbeatAck__Output } from './raworc/node/v0/HeartbeatAck.ts';
import type { Hello as _raworc_node_v0_Hello, Hello__Output as _raworc_node_v0_Hello__Output } from './raworc/node/v0/Hello.ts';
import type { ImageGone as _raworc_node_v0_ImageGone, ImageGone__Output as _raworc_node_v0_ImageGone__Output } from './raworc/node/v0/ImageGone.ts';
import type { ImageMissing as _raworc_node_v0_ImageMissing, ImageMissing__Output as _raworc_node_v0_ImageMissing__Output } from './raworc/node/v0/ImageMissing.ts';
import type { ImageMoved as _raworc_node_v0_ImageMoved, ImageMoved__Output as _raworc_node_v0_ImageMoved__Output } from './raworc/node/v0/ImageMoved.ts';
import type { Images as _raworc_node_v0_Images, Images__Output as _raworc_node_v0_Images__Output } from './raworc/node/v0/Images.ts';
import type { Inventory as _raworc_node_v0_Inventory, Inventory__Output as _raworc_node_v0_Inventory__Output } from './raworc/node/v0/Inventory.ts';
import type { InventoryTaken as _raworc_node_v0_InventoryTaken, InventoryTaken__Output as _raworc_node_v0_InventoryTaken__Output } from './raworc/node/v0/InventoryTaken.ts';
import type { JoinRequest as _raworc_node_v0_JoinRequest, JoinRequest__Output as _raworc_node_v0_JoinRequest__Output } from './raworc/node/v0/JoinRequest.ts';
import type { JoinResponse as _raworc_node_v0_JoinResponse, JoinResponse__Output as _raworc_node_v0_JoinResponse__Output } from './raworc/node/v0/JoinResponse.ts';
import type { Limits as _raworc_node_v0_Limits, Limits__Output as _raworc_node_v0_Limits__Output } from './raworc/node/v0/Limits.ts';
import type { MakeImage as _raworc_node_v0_MakeImage, MakeImage__Output as _raworc_node_v0_MakeImage__Output } from './raworc/node/v0/MakeImage.ts';
import type { NodeFrame as _raworc_node_v0_NodeFrame, NodeFrame__Output as _raworc_node_v0_NodeFrame__Output } from './raworc/node/v0/NodeFrame.ts';
import type { NodeProtocolClient as _raworc_node_v0_NodeProtocolClient, NodeProtocolDefinition as _raworc_node_v0_NodeProtocolDefinition } from './raworc/node/v0/NodeProtocol.ts';
import type { Orphan as _raworc_node_v0_Orphan, Orphan__Output as _raworc_node_v0_Orphan__Output } from './raworc/node/v0/Orphan.ts';
import type { Orphans as _raworc_node_v0_Orphans, Orphans__Output as _raworc_node_v0_Orphans__Output } from './raworc/node/v0/Orphans.ts';
import type { PullImage as _raworc_node_v0_PullImage, PullImage__Output as _raworc_node_v0_PullImage__Output } from './raworc/node/v0/PullImage.ts';
import type { PushImage as _raworc_node_v0_PushImage, PushImage__Output as _raworc_node_v0_PushImage__Output } from './raworc/node/v0/PushImage.ts';
import type { PutSourceRequest as _raworc_node_v0_PutSourceRequest, PutSourceRequest__Output as _raworc_node_v0_PutSourceRequest__Output } from './raworc/node/v0/PutSourceRequest.ts';
import type { PutSourceResponse as _raworc_node_v0_PutSourceResponse, PutSourceResponse__Output as _raworc_node_v0_PutSourceResponse__Output } from './raworc/node/v0/PutSourceResponse.ts';
import type { RegistryBytes as _raworc_node_v0_RegistryBytes, RegistryBytes__Output as _raworc_node_v0_RegistryBytes__Output } from './raworc/node/v0/RegistryBytes.ts';
import type { RemoveImage as _raworc_node_v0_RemoveImage, RemoveImage__Output as _raworc_node_v0_RemoveImage__Output } from './raworc/node/v0/RemoveImage.ts';
import type { Removed as _raworc_node_v0_Removed, Removed__Output as _raworc_node_v0_Removed__Output } from './raworc/node/v0/Removed.ts';
import type { RenewRequest as _raworc_node_v0_RenewRequest, RenewRequest__Output as _raworc_node_v0_RenewRequest__Output } from './raworc/node/v0/RenewRequest.ts';
import type { RenewResponse as _raworc_node_v0_RenewResponse, RenewResponse__Output as _raworc_node_v0_RenewResponse__Output } from './raworc/node/v0/RenewResponse.ts';
import type { Report as _raworc_node_v0_Report, Report__Output as _raworc_node_v0_Report__Output } from './raworc/node/v0/Report.ts';
import type { RepositoryCredential as _raworc_node_v0_RepositoryCredential, RepositoryCredential__Output as _raworc_node_v0_RepositoryCredential__Output } from './raworc/node/v0/RepositoryCredential.ts';
import type { RepositorySource as _raworc_node_v0_RepositorySource, RepositorySource__Output as _raworc_node_v0_RepositorySource__Output } from './raworc/node/v0/RepositorySource.ts';
import type { SessionSpec as _raworc_node_v0_SessionSpec, SessionSpec__Output as _raworc_node_v0_SessionSpec__Output } from './raworc/node/v0/SessionSpec.ts';
import type { SetDigest as _raworc_node_v0_SetDigest, SetDigest__Output as _raworc_node_v0_SetDigest__Output } from './raworc/node/v0/SetDigest.ts';
import type { SetJudged as _raworc_node_v0_SetJudged, SetJudged__Output as _raworc_node_v0_SetJudged__Output } from './raworc/node/v0/SetJudged.ts';
import type { SetPartTaken as _raworc_node_v0_SetPartTaken, SetPartTaken__Output as _raworc_node_v0_SetPartTaken__Output } from './raworc/node/v0/SetPartTaken.ts';
import type { Shutdown as _raworc_node_v0_Shutdown, Shutdown__Output as _raworc_node_v0_Shutdown__Output } from './raworc/node/v0/Shutdown.ts';
import type { ShutdownDone as _raworc_node_v0_ShutdownDone, ShutdownDone__Output as _raworc_node_v0_ShutdownDone__Output } from './raworc/node/v0/ShutdownDone.ts';
import type { SourceChunk as _raworc_node_v0_SourceChunk, SourceChunk__Output as _raworc_node_v0_SourceChunk__Output } from './raworc/node/v0/SourceChunk.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from './raworc/node/v0/Tombstone.ts';
import type { Welcome as _raworc_node_v0_Welcome, Welcome__Output as _raworc_node_v0_Welcome__Output } from './raworc/node/v0/Welcome.ts';
import type { Accepted as _raworc_v0_Accepted, Accepted__Output as _raworc_v0_Accepted__Output } from './raworc/v0/Accepted.ts';
import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from './raworc/v0/AgentSpec.ts';
import type { Answer as _raworc_v0_Answer, Answer__Output as _raworc_v0_Answer__Output } from './raworc/v0/Answer.ts';
import type { CancelMessage as _raworc_v0_CancelMessage, CancelMessage__Output as _raworc_v0_CancelMessage__Output } from './raworc/v0/CancelMessage.ts';
import type { Deliver as _raworc_v0_Deliver, Deliver__Output as _raworc_v0_Deliver__Output } from './raworc/v0/Deliver.ts';
import type { Delta as _raworc_v0_Delta, Delta__Output as _raworc_v0_Delta__Output } from './raworc/v0/Delta.ts';
import type { Hop as _raworc_v0_Hop, Hop__Output as _raworc_v0_Hop__Output } from './raworc/v0/Hop.ts';
import type { LimitReached as _raworc_v0_LimitReached, LimitReached__Output as _raworc_v0_LimitReached__Output } from './raworc/v0/LimitReached.ts';
import type { LiveWorker as _raworc_v0_LiveWorker, LiveWorker__Output as _raworc_v0_LiveWorker__Output } from './raworc/v0/LiveWorker.ts';
import type { OpenStream as _raworc_v0_OpenStream, OpenStream__Output as _raworc_v0_OpenStream__Output } from './raworc/v0/OpenStream.ts';
import type { RoutedAgent as _raworc_v0_RoutedAgent, RoutedAgent__Output as _raworc_v0_RoutedAgent__Output } from './raworc/v0/RoutedAgent.ts';
import type { Router as _raworc_v0_Router, Router__Output as _raworc_v0_Router__Output } from './raworc/v0/Router.ts';
import type { RunStarted as _raworc_v0_RunStarted, RunStarted__Output as _raworc_v0_RunStarted__Output } from './raworc/v0/RunStarted.ts';
import type { Secrets as _raworc_v0_Secrets, Secrets__Output as _raworc_v0_Secrets__Output } from './raworc/v0/Secrets.ts';
import type { SecretsRequest as _raworc_v0_SecretsRequest, SecretsRequest__Output as _raworc_v0_SecretsRequest__Output } from './raworc/v0/SecretsRequest.ts';
import type { Settled as _raworc_v0_Settled, Settled__Output as _raworc_v0_Settled__Output } from './raworc/v0/Settled.ts';
import type { StopAgent as _raworc_v0_StopAgent, StopAgent__Output as _raworc_v0_StopAgent__Output } from './raworc/v0/StopAgent.ts';
import type { StreamEnd as _raworc_v0_StreamEnd, StreamEnd__Output as _raworc_v0_StreamEnd__Output } from './raworc/v0/StreamEnd.ts';
import type { StreamFrame as _raworc_v0_StreamFrame, StreamFrame__Output as _raworc_v0_StreamFrame__Output } from './raworc/v0/StreamFrame.ts';
import type { StreamOpen as _raworc_v0_StreamOpen, StreamOpen__Output as _raworc_v0_StreamOpen__Output } from './raworc/v0/StreamOpen.ts';
import type { StreamRefused as _raworc_v0_StreamRefused, StreamRefused__Output as _raworc_v0_StreamRefused__Output } from './raworc/v0/StreamRefused.ts';
import type { StreamReset as _raworc_v0_StreamReset, StreamReset__Output as _raworc_v0_StreamReset__Output } from './raworc/v0/StreamReset.ts';
import type { Workers as _raworc_v0_Workers, Workers__Output as _raworc_v0_Workers__Output } from './raworc/v0/Workers.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  raworc: {
    node: {
      v0: {
        AgentSource: MessageTypeDefinition<_raworc_node_v0_AgentSource, _raworc_node_v0_AgentSource__Output>
        Assignment: MessageTypeDefinition<_raworc_node_v0_Assignment, _raworc_node_v0_Assignment__Output>
        AssignmentChange: MessageTypeDefinition<_raworc_node_v0_AssignmentChange, _raworc_node_v0_AssignmentChange__Output>
        AssignmentSet: MessageTypeDefinition<_raworc_node_v0_AssignmentSet, _raworc_node_v0_AssignmentSet__Output>
        BuildAssignment: MessageTypeDefinition<_raworc_node_v0_BuildAssignment, _raworc_node_v0_BuildAssignment__Output>
        BuildPhase: EnumTypeDefinition
        BuildReport: MessageTypeDefinition<_raworc_node_v0_BuildReport, _raworc_node_v0_BuildReport__Output>
        BuildStage: MessageTypeDefinition<_raworc_node_v0_BuildStage, _raworc_node_v0_BuildStage__Output>
        CancelBuild: MessageTypeDefinition<_raworc_node_v0_CancelBuild, _raworc_node_v0_CancelBuild__Output>
        Capacity: MessageTypeDefinition<_raworc_node_v0_Capacity, _raworc_node_v0_Capacity__Output>
        ChallengeRequest: MessageTypeDefinition<_raworc_node_v0_ChallengeRequest, _raworc_node_v0_ChallengeRequest__Output>
        ChallengeResponse: MessageTypeDefinition<_raworc_node_v0_ChallengeResponse, _raworc_node_v0_ChallengeResponse__Output>
        Condition: MessageTypeDefinition<_raworc_node_v0_Condition, _raworc_node_v0_Condition__Output>
        Conditions: MessageTypeDefinition<_raworc_node_v0_Conditions, _raworc_node_v0_Conditions__Output>
        ControllerFrame: MessageTypeDefinition<_raworc_node_v0_ControllerFrame, _raworc_node_v0_ControllerFrame__Output>
        Desired: EnumTypeDefinition
        DiskState: MessageTypeDefinition<_raworc_node_v0_DiskState, _raworc_node_v0_DiskState__Output>
        FetchSourceRequest: MessageTypeDefinition<_raworc_node_v0_FetchSourceRequest, _raworc_node_v0_FetchSourceRequest__Output>
        Heartbeat: MessageTypeDefinition<_raworc_node_v0_Heartbeat, _raworc_node_v0_Heartbeat__Output>
        HeartbeatAck: MessageTypeDefinition<_raworc_node_v0_HeartbeatAck, _raworc_node_v0_HeartbeatAck__Output>
        Hello: MessageTypeDefinition<_raworc_node_v0_Hello, _raworc_node_v0_Hello__Output>
        ImageGone: MessageTypeDefinition<_raworc_node_v0_ImageGone, _raworc_node_v0_ImageGone__Output>
        ImageMissing: MessageTypeDefinition<_raworc_node_v0_ImageMissing, _raworc_node_v0_ImageMissing__Output>
        ImageMoved: MessageTypeDefinition<_raworc_node_v0_ImageMoved, _raworc_node_v0_ImageMoved__Output>
        Images: MessageTypeDefinition<_raworc_node_v0_Images, _raworc_node_v0_Images__Output>
        Inventory: MessageTypeDefinition<_raworc_node_v0_Inventory, _raworc_node_v0_Inventory__Output>
        InventoryTaken: MessageTypeDefinition<_raworc_node_v0_InventoryTaken, _raworc_node_v0_InventoryTaken__Output>
        JoinRequest: MessageTypeDefinition<_raworc_node_v0_JoinRequest, _raworc_node_v0_JoinRequest__Output>
        JoinResponse: MessageTypeDefinition<_raworc_node_v0_JoinResponse, _raworc_node_v0_JoinResponse__Output>
        Limits: MessageTypeDefinition<_raworc_node_v0_Limits, _raworc_node_v0_Limits__Output>
        MakeImage: MessageTypeDefinition<_raworc_node_v0_MakeImage, _raworc_node_v0_MakeImage__Output>
        NodeFrame: MessageTypeDefinition<_raworc_node_v0_NodeFrame, _raworc_node_v0_NodeFrame__Output>
        NodeProtocol: SubtypeConstructor<typeof grpc.Client, _raworc_node_v0_NodeProtocolClient> & { service: _raworc_node_v0_NodeProtocolDefinition }
        Orphan: MessageTypeDefinition<_raworc_node_v0_Orphan, _raworc_node_v0_Orphan__Output>
        Orphans: MessageTypeDefinition<_raworc_node_v0_Orphans, _raworc_node_v0_Orphans__Output>
        Phase: EnumTypeDefinition
        PullImage: MessageTypeDefinition<_raworc_node_v0_PullImage, _raworc_node_v0_PullImage__Output>
        PushImage: MessageTypeDefinition<_raworc_node_v0_PushImage, _raworc_node_v0_PushImage__Output>
        PutSourceRequest: MessageTypeDefinition<_raworc_node_v0_PutSourceRequest, _raworc_node_v0_PutSourceRequest__Output>
        PutSourceResponse: MessageTypeDefinition<_raworc_node_v0_PutSourceResponse, _raworc_node_v0_PutSourceResponse__Output>
        RegistryBytes: MessageTypeDefinition<_raworc_node_v0_RegistryBytes, _raworc_node_v0_RegistryBytes__Output>
        RemoveImage: MessageTypeDefinition<_raworc_node_v0_RemoveImage, _raworc_node_v0_RemoveImage__Output>
        Removed: MessageTypeDefinition<_raworc_node_v0_Removed, _raworc_node_v0_Removed__Output>
        RenewRequest: MessageTypeDefinition<_raworc_node_v0_RenewRequest, _raworc_node_v0_RenewRequest__Output>
        RenewResponse: MessageTypeDefinition<_raworc_node_v0_RenewResponse, _raworc_node_v0_RenewResponse__Output>
        Report: MessageTypeDefinition<_raworc_node_v0_Report, _raworc_node_v0_Report__Output>
        RepositoryCredential: MessageTypeDefinition<_raworc_node_v0_RepositoryCredential, _raworc_node_v0_RepositoryCredential__Output>
        RepositorySource: MessageTypeDefinition<_raworc_node_v0_RepositorySource, _raworc_node_v0_RepositorySource__Output>
        SessionSpec: MessageTypeDefinition<_raworc_node_v0_SessionSpec, _raworc_node_v0_SessionSpec__Output>
        SetDigest: MessageTypeDefinition<_raworc_node_v0_SetDigest, _raworc_node_v0_SetDigest__Output>
        SetJudged: MessageTypeDefinition<_raworc_node_v0_SetJudged, _raworc_node_v0_SetJudged__Output>
        SetPartTaken: MessageTypeDefinition<_raworc_node_v0_SetPartTaken, _raworc_node_v0_SetPartTaken__Output>
        Shutdown: MessageTypeDefinition<_raworc_node_v0_Shutdown, _raworc_node_v0_Shutdown__Output>
        ShutdownDone: MessageTypeDefinition<_raworc_node_v0_ShutdownDone, _raworc_node_v0_ShutdownDone__Output>
        SourceChunk: MessageTypeDefinition<_raworc_node_v0_SourceChunk, _raworc_node_v0_SourceChunk__Output>
        Tombstone: MessageTypeDefinition<_raworc_node_v0_Tombstone, _raworc_node_v0_Tombstone__Output>
        Welcome: MessageTypeDefinition<_raworc_node_v0_Welcome, _raworc_node_v0_Welcome__Output>
      }
    }
    v0: {
      Accepted: MessageTypeDefinition<_raworc_v0_Accepted, _raworc_v0_Accepted__Output>
      AgentSpec: MessageTypeDefinition<_raworc_v0_AgentSpec, _raworc_v0_AgentSpec__Output>
      Answer: MessageTypeDefinition<_raworc_v0_Answer, _raworc_v0_Answer__Output>
      CancelMessage: MessageTypeDefinition<_raworc_v0_CancelMessage, _raworc_v0_CancelMessage__Output>
      Deliver: MessageTypeDefinition<_raworc_v0_Deliver, _raworc_v0_Deliver__Output>
      Delta: MessageTypeDefinition<_raworc_v0_Delta, _raworc_v0_Delta__Output>
      Hop: MessageTypeDefinition<_raworc_v0_Hop, _raworc_v0_Hop__Output>
      HopKind: EnumTypeDefinition
      LimitReached: MessageTypeDefinition<_raworc_v0_LimitReached, _raworc_v0_LimitReached__Output>
      LiveWorker: MessageTypeDefinition<_raworc_v0_LiveWorker, _raworc_v0_LiveWorker__Output>
      OpenStream: MessageTypeDefinition<_raworc_v0_OpenStream, _raworc_v0_OpenStream__Output>
      Outcome: EnumTypeDefinition
      RoutedAgent: MessageTypeDefinition<_raworc_v0_RoutedAgent, _raworc_v0_RoutedAgent__Output>
      Router: MessageTypeDefinition<_raworc_v0_Router, _raworc_v0_Router__Output>
      RunStarted: MessageTypeDefinition<_raworc_v0_RunStarted, _raworc_v0_RunStarted__Output>
      Runtime: EnumTypeDefinition
      Secrets: MessageTypeDefinition<_raworc_v0_Secrets, _raworc_v0_Secrets__Output>
      SecretsRequest: MessageTypeDefinition<_raworc_v0_SecretsRequest, _raworc_v0_SecretsRequest__Output>
      Settled: MessageTypeDefinition<_raworc_v0_Settled, _raworc_v0_Settled__Output>
      StopAgent: MessageTypeDefinition<_raworc_v0_StopAgent, _raworc_v0_StopAgent__Output>
      StreamEnd: MessageTypeDefinition<_raworc_v0_StreamEnd, _raworc_v0_StreamEnd__Output>
      StreamFrame: MessageTypeDefinition<_raworc_v0_StreamFrame, _raworc_v0_StreamFrame__Output>
      StreamOpen: MessageTypeDefinition<_raworc_v0_StreamOpen, _raworc_v0_StreamOpen__Output>
      StreamRefused: MessageTypeDefinition<_raworc_v0_StreamRefused, _raworc_v0_StreamRefused__Output>
      StreamReset: MessageTypeDefinition<_raworc_v0_StreamReset, _raworc_v0_StreamReset__Output>
      Workers: MessageTypeDefinition<_raworc_v0_Workers, _raworc_v0_Workers__Output>
    }
  }
}

