import type { Isolation, Profile } from '../../contract/profiles.ts';
import type { BuiltAgent } from '../builds/rows.ts';
import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { BuildId, NodeId, SessionId, SpaceId } from '../engine/ids.ts';
import type { Limits, Phase, ReportOrder, Requests } from '../sessions/rows.ts';

/** A session that was started ahead of need. It has no owner until a client creates a session, which takes its id. */
export const SLOTS = {
  /** The id of the session that it becomes. */
  id: text<SessionId>(),
  spaceId: text<SpaceId>(),
  nodeId: text<NodeId>(),
  image: text(),
  profile: text<Profile>(),
  /** The name from which the image of a workstation was made. Null: it is an image of agents. */
  imageName: text<string | null>(),
  buildId: text<BuildId | null>(),
  agents: json<readonly BuiltAgent[]>(),
  requests: json<Requests>(),
  limits: json<Limits>(),
  /** As its node last reported. `running`: its guest is connected, and it can be claimed. */
  phase: text<Extract<Phase, 'none' | 'starting' | 'running'>>(),
  observedOrder: json<ReportOrder | null>(),
  containerId: text<string | null>(),
  volume: text<string | null>(),
  isolation: text<Isolation | null>(),
  createdAt: integer(),
  /** Since when it is in this phase. */
  phaseAt: integer(),
};
export interface SlotRow extends RowOf<typeof SLOTS> {}

/** What a session must be to claim a slot. */
export interface SlotKind extends Pick<SlotRow, 'image' | 'profile' | 'imageName' | 'requests' | 'limits'> {}
