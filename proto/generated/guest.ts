import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Drain as _raworc_guest_v0_Drain, Drain__Output as _raworc_guest_v0_Drain__Output } from './raworc/guest/v0/Drain.ts';
import type { Drained as _raworc_guest_v0_Drained, Drained__Output as _raworc_guest_v0_Drained__Output } from './raworc/guest/v0/Drained.ts';
import type { GuestFrame as _raworc_guest_v0_GuestFrame, GuestFrame__Output as _raworc_guest_v0_GuestFrame__Output } from './raworc/guest/v0/GuestFrame.ts';
import type { GuestHello as _raworc_guest_v0_GuestHello, GuestHello__Output as _raworc_guest_v0_GuestHello__Output } from './raworc/guest/v0/GuestHello.ts';
import type { GuestWelcome as _raworc_guest_v0_GuestWelcome, GuestWelcome__Output as _raworc_guest_v0_GuestWelcome__Output } from './raworc/guest/v0/GuestWelcome.ts';
import type { HostFrame as _raworc_guest_v0_HostFrame, HostFrame__Output as _raworc_guest_v0_HostFrame__Output } from './raworc/guest/v0/HostFrame.ts';
import type { Ignored as _raworc_guest_v0_Ignored, Ignored__Output as _raworc_guest_v0_Ignored__Output } from './raworc/guest/v0/Ignored.ts';
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
    guest: {
      v0: {
        Drain: MessageTypeDefinition<_raworc_guest_v0_Drain, _raworc_guest_v0_Drain__Output>
        Drained: MessageTypeDefinition<_raworc_guest_v0_Drained, _raworc_guest_v0_Drained__Output>
        GuestFrame: MessageTypeDefinition<_raworc_guest_v0_GuestFrame, _raworc_guest_v0_GuestFrame__Output>
        GuestHello: MessageTypeDefinition<_raworc_guest_v0_GuestHello, _raworc_guest_v0_GuestHello__Output>
        GuestWelcome: MessageTypeDefinition<_raworc_guest_v0_GuestWelcome, _raworc_guest_v0_GuestWelcome__Output>
        HostFrame: MessageTypeDefinition<_raworc_guest_v0_HostFrame, _raworc_guest_v0_HostFrame__Output>
        Ignored: MessageTypeDefinition<_raworc_guest_v0_Ignored, _raworc_guest_v0_Ignored__Output>
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

