import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { NewEvent } from '../../../controller/domain/events/events.ts';
import { AgentStops } from './agent-stops.ts';
import { BuildAudit, type BuildAuditDeps } from './build-audit.ts';
import { Cancels } from './cancels.ts';
import type { Chronicle } from './chronicle.ts';
import { Deadlines } from './deadlines.ts';
import { HopAudit } from './hop-audit.ts';
import { ImageAudit } from './image-audit.ts';
import type { Machine } from './machine.ts';
import { Remixes, type RemixesDeps } from './remixes.ts';
import { SecretVersions } from './secret-versions.ts';
import { SlotAudit } from './slots/slot-audit.ts';
import { SpaceUse } from './space-use.ts';
import { Suspends } from './suspends.ts';
import { TokenAudit } from './token-audit.ts';
import { LimitAudit } from './uses/limit-audit.ts';
import { UseAudit } from './uses/use-audit.ts';

/** Checks every commit for the promises of one kind of command each. */
export class Auditors {
  readonly remixes: Remixes;
  readonly secrets = new SecretVersions();
  readonly stops = new AgentStops();
  readonly cancels = new Cancels();
  readonly suspends = new Suspends();
  readonly hops: HopAudit;
  readonly use: SpaceUse;
  readonly deadlines: Deadlines;
  readonly images: ImageAudit;
  readonly tokens: TokenAudit;
  readonly builds: BuildAudit;
  readonly uses: UseAudit;
  readonly limits: LimitAudit;
  readonly slots: SlotAudit;
  readonly #deps: RemixesDeps & { readonly chronicle: Chronicle; readonly nowMs: () => number; readonly lostAfterMs: number };

  constructor(deps: RemixesDeps & BuildAuditDeps & { readonly nowMs: () => number; readonly lostAfterMs: number }) {
    this.#deps = deps;
    this.remixes = new Remixes(deps);
    this.use = new SpaceUse(deps.violation);
    this.hops = new HopAudit(deps.violation);
    this.deadlines = new Deadlines(deps);
    this.slots = new SlotAudit(deps);
    this.images = new ImageAudit({ ...deps, slots: this.slots.rows });
    this.tokens = new TokenAudit(deps);
    this.builds = new BuildAudit(deps);
    this.uses = new UseAudit(deps);
    this.limits = new LimitAudit(deps);
  }

  /** Call before the chronicle. */
  committed(mutations: readonly Mutation[], events: readonly NewEvent[]): void {
    const { nowMs, violation } = this.#deps;
    this.slots.committed(mutations, events);
    this.remixes.committed(mutations);
    this.use.committed(mutations);
    this.hops.committed(mutations);
    this.cancels.committed(mutations, nowMs());
    this.suspends.committed(mutations, nowMs());
    this.deadlines.committed(mutations);
    this.images.committed(mutations);
    this.tokens.committed(mutations);
    this.builds.committed(mutations);
    this.uses.committed(mutations, events);
    this.limits.committed(mutations, events);
    this.secrets.committed(mutations, this.#deps.view(), (id) => this.#deps.chronicle.sessions.get(id));
    this.stops.committed(mutations, nowMs(), this.#spaceOf, violation);
  }

  /** Call after the chronicle. */
  restored(): void {
    const { view, chronicle, nowMs } = this.#deps;
    this.slots.restored(view());
    this.remixes.restored();
    this.hops.restored(view());
    this.use.restored(view(), [...chronicle.sessions.values()]);
    this.secrets.restored(view());
    this.deadlines.restored(view());
    this.images.restored();
    this.tokens.restored(view());
    this.builds.restored(view());
    this.uses.restored(chronicle.sessions.values());
    this.limits.restored(view());
    this.cancels.restored(view());
    this.suspends.restored(chronicle.sessions.values(), nowMs());
    this.stops.restored(view(), nowMs());
  }

  /** Call once everything is at rest. `present`: the machines that were not removed. */
  judge(present: readonly Machine[]): void {
    this.slots.judge(present, this.#deps.view());
    this.remixes.judge();
    this.hops.judge(this.#deps.view());
    this.deadlines.judge(this.#deps.view());
    this.images.judge(present);
    this.builds.judge(present);
    this.uses.judge((machine) => present.some(({ name }) => name === machine));
    this.uses.judgeAwake(present, this.#deps.view());
    this.limits.judge(this.#deps.view());
    this.stops.judge(present, this.#spaceOf, this.#deps.violation);
  }

  readonly #spaceOf = (sessionId: string): string | undefined => this.#deps.chronicle.sessions.get(sessionId)?.spaceId;
}
