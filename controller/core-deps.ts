/** What the core is given, and what it gives to the edges. */

import type { Barriers } from '../seams/barrier.ts';
import type { Clock } from '../seams/clock.ts';
import type { Log } from '../seams/log.ts';
import type { Metrics } from '../seams/metrics.ts';
import type { Random } from '../seams/random.ts';
import type { View } from './domain/engine/view.ts';
import type { NodeRules } from './domain/nodes/node-rules.ts';
import type { DEFAULT_SIZE_RULES, SizeRules } from './domain/sessions/session-sizes.ts';
import type { Passwords } from './services/access/passwords.ts';
import type { SourceStore } from './services/agents/source-store.ts';
import type { AuditDeps } from './services/audit/open-audit.ts';
import type { Budgets } from './services/budget/budgets.ts';
import type { BudgetLimits } from './services/budget/limits.ts';
import type { SpaceLookup } from './services/budget/space-lookup.ts';
import type { BuildBounds, BuildDispatch } from './services/builds/dispatch-loop.ts';
import type { BuildLogStore } from './services/builds/log-store.ts';
import type { Applier } from './services/engine/applier.ts';
import type { GrowthRefusal } from './services/engine/commands/command-admission.ts';
import type { HealthDeps } from './services/engine/health.ts';
import type { Loops } from './services/engine/loops.ts';
import type { NodeDirectory } from './services/engine/node-directory.ts';
import type { Store } from './services/engine/store.ts';
import type { News } from './services/events/news.ts';
import type { Fleet } from './services/fleet/fleet.ts';
import type { ImageDistribution } from './services/images/image-distribution.ts';
import type { ImagesDeps } from './services/images/open-images.ts';
import type { LeaseTimes } from './services/nodes/lease.ts';
import type { NodeAlarms } from './services/nodes/node-alarms.ts';
import type { PreviewOrigins } from './services/ports/preview-origins.ts';
import type { Services } from './services/services.ts';
import type { SealingKeys } from './services/spaces/resealing-loop.ts';
import type { SealingRing } from './services/spaces/sealing.ts';
import type { ByteStreams } from './services/streams/byte-streams.ts';

export interface CoreDeps {
  readonly store: Pick<Store, 'writer' | 'view' | 'lists' | 'events'>;
  readonly news: News;
  readonly sourceStore: SourceStore;
  /** Undefined: what nodes print in builds is not kept. */
  readonly buildLogs?: BuildLogStore;
  readonly passwords: Passwords;
  /** The sealing keys in memory, and their files. */
  readonly sealing: { readonly ring: SealingRing; readonly keys: SealingKeys };
  readonly clusterId: string;
  readonly storeKey: Uint8Array;
  readonly caDigest?: (() => string) | undefined;
  /** The image of sessions in a space without a build. */
  readonly baseImage: string;
  readonly version: string;
  /** Default: built-in limits. */
  readonly budgets?: BudgetLimits | undefined;
  /** Whether events show the commands that run in sessions. Default: true. */
  readonly showsCommands?: boolean | undefined;
  readonly lease: LeaseTimes;
  /** Bounds of session sizes. Default: {@link DEFAULT_SIZE_RULES}. */
  readonly sizes?: SizeRules | undefined;
  /** The operator's rules for nodes. */
  readonly nodeRules?: NodeRules | undefined;
  readonly builds?: BuildBounds | undefined;
  /** The registry of images; undefined if there is none. */
  readonly registry?: ImagesDeps['registry'];
  /** When images that nothing needs are removed. */
  readonly collection?: ImagesDeps['collection'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly barriers: Barriers;
  readonly metrics: Metrics;
  /** Returns why client commands that grow the store are refused. Default: never refused. */
  readonly growthRefusal?: GrowthRefusal;
  readonly onFatal: (error: unknown) => void;
  /** How long audit records are retained, and where they are exported. */
  readonly audit?: Required<Pick<AuditDeps, 'kept' | 'cursor' | 'sinks'>>;
  /** The origins of ports; undefined if there are none. */
  readonly origins?: PreviewOrigins | undefined;
  /** Returns a join token. */
  readonly joinLine: (tokenId: string, secret: string) => string;
  readonly health: Pick<HealthDeps, 'checkStore' | 'degradations'>;
}

export interface Core {
  /** Background loops. `start` starts all that are open. */
  readonly loops: Loops;
  readonly applier: Applier;
  readonly view: View;
  readonly fleet: Fleet;
  readonly directory: NodeDirectory;
  readonly dispatch: BuildDispatch;
  readonly images: ImageDistribution | undefined;
  readonly streams: ByteStreams;
  readonly alarms: NodeAlarms;
  readonly services: Services;
  readonly budgets: Budgets;
  readonly spaces: SpaceLookup;
  /** Starts publishing, following events, checking leases, and every background loop. */
  start(): void;
  /** Decides the waiting commands and accepts no more. Close the store and the bus afterwards. */
  close(): Promise<void>;
}
