// Original file: node.proto

import type { AgentSpec as _raworc_v0_AgentSpec, AgentSpec__Output as _raworc_v0_AgentSpec__Output } from '../../../raworc/v0/AgentSpec.ts';

export interface AgentSource {
  'spec'?: (_raworc_v0_AgentSpec | null);
  'digest'?: (string);
}

export interface AgentSource__Output {
  'spec': (_raworc_v0_AgentSpec__Output | null);
  'digest': (string);
}
