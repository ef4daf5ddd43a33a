import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Accepted as _raworc_v0_Accepted, Accepted__Output as _raworc_v0_Accepted__Output } from './raworc/v0/Accepted.ts';
import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from './raworc/v0/AgentSpec.ts';
import type { Answer as _raworc_v0_Answer, Answer__Output as _raworc_v0_Answer__Output } from './raworc/v0/Answer.ts';
import type { Deliver as _raworc_v0_Deliver, Deliver__Output as _raworc_v0_Deliver__Output } from './raworc/v0/Deliver.ts';
import type { Delta as _raworc_v0_Delta, Delta__Output as _raworc_v0_Delta__Output } from './raworc/v0/Delta.ts';
import type { LimitReached as _raworc_v0_LimitReached, LimitReached__Output as _raworc_v0_LimitReached__Output } from './raworc/v0/LimitReached.ts';
import type { Lines as _raworc_v0_Lines, Lines__Output as _raworc_v0_Lines__Output } from './raworc/v0/Lines.ts';
import type { LiveWorker as _raworc_v0_LiveWorker, LiveWorker__Output as _raworc_v0_LiveWorker__Output } from './raworc/v0/LiveWorker.ts';
import type { LogLine as _raworc_v0_LogLine, LogLine__Output as _raworc_v0_LogLine__Output } from './raworc/v0/LogLine.ts';
import type { ReadLines as _raworc_v0_ReadLines, ReadLines__Output as _raworc_v0_ReadLines__Output } from './raworc/v0/ReadLines.ts';
import type { RunStarted as _raworc_v0_RunStarted, RunStarted__Output as _raworc_v0_RunStarted__Output } from './raworc/v0/RunStarted.ts';
import type { Secrets as _raworc_v0_Secrets, Secrets__Output as _raworc_v0_Secrets__Output } from './raworc/v0/Secrets.ts';
import type { SecretsRequest as _raworc_v0_SecretsRequest, SecretsRequest__Output as _raworc_v0_SecretsRequest__Output } from './raworc/v0/SecretsRequest.ts';
import type { Settled as _raworc_v0_Settled, Settled__Output as _raworc_v0_Settled__Output } from './raworc/v0/Settled.ts';
import type { StopAgent as _raworc_v0_StopAgent, StopAgent__Output as _raworc_v0_StopAgent__Output } from './raworc/v0/StopAgent.ts';
import type { Workers as _raworc_v0_Workers, Workers__Output as _raworc_v0_Workers__Output } from './raworc/v0/Workers.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  raworc: {
    v0: {
      Accepted: MessageTypeDefinition<_raworc_v0_Accepted, _raworc_v0_Accepted__Output>
      AgentSpec: MessageTypeDefinition<_raworc_v0_AgentSpec, _raworc_v0_AgentSpec__Output>
      Answer: MessageTypeDefinition<_raworc_v0_Answer, _raworc_v0_Answer__Output>
      Deliver: MessageTypeDefinition<_raworc_v0_Deliver, _raworc_v0_Deliver__Output>
      Delta: MessageTypeDefinition<_raworc_v0_Delta, _raworc_v0_Delta__Output>
      LimitReached: MessageTypeDefinition<_raworc_v0_LimitReached, _raworc_v0_LimitReached__Output>
      Lines: MessageTypeDefinition<_raworc_v0_Lines, _raworc_v0_Lines__Output>
      LiveWorker: MessageTypeDefinition<_raworc_v0_LiveWorker, _raworc_v0_LiveWorker__Output>
      LogLine: MessageTypeDefinition<_raworc_v0_LogLine, _raworc_v0_LogLine__Output>
      Outcome: EnumTypeDefinition
      ReadLines: MessageTypeDefinition<_raworc_v0_ReadLines, _raworc_v0_ReadLines__Output>
      RunStarted: MessageTypeDefinition<_raworc_v0_RunStarted, _raworc_v0_RunStarted__Output>
      Runtime: EnumTypeDefinition
      Secrets: MessageTypeDefinition<_raworc_v0_Secrets, _raworc_v0_Secrets__Output>
      SecretsRequest: MessageTypeDefinition<_raworc_v0_SecretsRequest, _raworc_v0_SecretsRequest__Output>
      Settled: MessageTypeDefinition<_raworc_v0_Settled, _raworc_v0_Settled__Output>
      StopAgent: MessageTypeDefinition<_raworc_v0_StopAgent, _raworc_v0_StopAgent__Output>
      Stream: EnumTypeDefinition
      Workers: MessageTypeDefinition<_raworc_v0_Workers, _raworc_v0_Workers__Output>
    }
  }
}

