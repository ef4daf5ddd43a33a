import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Accepted as _raworc_v0_Accepted, Accepted__Output as _raworc_v0_Accepted__Output } from './raworc/v0/Accepted.ts';
import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from './raworc/v0/AgentSpec.ts';
import type { Answer as _raworc_v0_Answer, Answer__Output as _raworc_v0_Answer__Output } from './raworc/v0/Answer.ts';
import type { Deliver as _raworc_v0_Deliver, Deliver__Output as _raworc_v0_Deliver__Output } from './raworc/v0/Deliver.ts';
import type { Delta as _raworc_v0_Delta, Delta__Output as _raworc_v0_Delta__Output } from './raworc/v0/Delta.ts';
import type { LogLine as _raworc_v0_LogLine, LogLine__Output as _raworc_v0_LogLine__Output } from './raworc/v0/LogLine.ts';
import type { RunStarted as _raworc_v0_RunStarted, RunStarted__Output as _raworc_v0_RunStarted__Output } from './raworc/v0/RunStarted.ts';
import type { Secrets as _raworc_v0_Secrets, Secrets__Output as _raworc_v0_Secrets__Output } from './raworc/v0/Secrets.ts';
import type { SecretsRequest as _raworc_v0_SecretsRequest, SecretsRequest__Output as _raworc_v0_SecretsRequest__Output } from './raworc/v0/SecretsRequest.ts';
import type { Settled as _raworc_v0_Settled, Settled__Output as _raworc_v0_Settled__Output } from './raworc/v0/Settled.ts';

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
      LogLine: MessageTypeDefinition<_raworc_v0_LogLine, _raworc_v0_LogLine__Output>
      Outcome: EnumTypeDefinition
      RunStarted: MessageTypeDefinition<_raworc_v0_RunStarted, _raworc_v0_RunStarted__Output>
      Runtime: EnumTypeDefinition
      Secrets: MessageTypeDefinition<_raworc_v0_Secrets, _raworc_v0_Secrets__Output>
      SecretsRequest: MessageTypeDefinition<_raworc_v0_SecretsRequest, _raworc_v0_SecretsRequest__Output>
      Settled: MessageTypeDefinition<_raworc_v0_Settled, _raworc_v0_Settled__Output>
      Stream: EnumTypeDefinition
    }
  }
}

