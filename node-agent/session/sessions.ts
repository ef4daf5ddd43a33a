import type { Outbox } from '../control/outbox.ts';
import type { ReportSender } from '../control/report-sender.ts';
import type { Most } from '../domain/session-most.ts';
import type { EngineTurns } from '../engine/engine-turns.ts';
import type { Relay } from '../guests/relay.ts';
import type { Host } from '../host.ts';
import { ImageRequests } from '../images/image-requests.ts';
import type { Tunnels } from '../streams/tunnels.ts';
import { EndsFirst } from './ends-first.ts';
import { Orphans } from './orphans.ts';
import { Reconciler } from './reconciler.ts';
import type { ReconcilerDeps } from './reconciler-deps.ts';
import type { Uids } from './uids.ts';

export interface SessionsDeps extends Pick<Host, 'driver' | 'listener' | 'ledger' | 'clock' | 'log' | 'metrics'> {
  readonly engine: EngineTurns;
  readonly uids: Uids;
  readonly relay: Relay;
  readonly tunnels: Pick<Tunnels, 'endOf'>;
  readonly outbox: Outbox;
  readonly reports: ReportSender;
  most(): Most;
  confirmed(sessionId: string): boolean;
  /** Called when the node agent cannot continue. */
  fault(error: unknown): void;
}

/** All sessions of this node, with a reconciler for each that is assigned, removed or present. */
export class Sessions {
  readonly orphans: Orphans;
  readonly #deps: SessionsDeps;
  readonly #reconcilers = new Map<string, Reconciler>();
  readonly #imageRequests: ImageRequests;
  readonly #endsFirst: EndsFirst;
  readonly #reconcilerDeps: ReconcilerDeps;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    const { outbox, relay, log, metrics } = deps;
    this.orphans = new Orphans(outbox, deps.clock);
    this.#endsFirst = new EndsFirst({ clock: deps.clock, log, wake: (sessionId) => this.find(sessionId)?.wake() });
    this.#imageRequests = new ImageRequests((sessionId, image) =>
      outbox.keep(`image:${image}`, { kind: 'imageMissing', value: { sessionId, image } }),
    );
    const steps = metrics.counter({ name: 'reconciler_steps_total', help: 'Steps that reconcilers took, by kind', labels: ['step'] });
    metrics.gauge({ name: 'node_sessions', help: 'Sessions that this node agent reconciles', read: () => this.#reconcilers.size });
    metrics.gauge({
      name: 'node_orphans',
      help: 'Sessions on this node that belong to no assignment',
      read: () => this.orphans.size,
    });
    this.#reconcilerDeps = {
      ...deps,
      guests: relay,
      imageMissing: (sessionId, image) => {
        log.warn('session.image_missing', { session: sessionId, image });
        this.#imageRequests.want(sessionId, image);
      },
      mayStart: (sessionId) => this.#endsFirst.mayStart(sessionId),
      ended: (sessionId) => this.#endsFirst.ended(sessionId),
      stepping: (step) => steps.add(1, { step }),
      changed: (status) => deps.reports.send(status),
      removed: (sessionId, upToGeneration) =>
        outbox.keep(`removed:${sessionId}`, { kind: 'removed', value: { sessionId, upToGeneration } }),
      rested: (sessionId) => this.#rested(sessionId),
    };
    deps.ledger.copies.onChange((sessionId) => this.of(sessionId).wake());
  }

  get size(): number {
    return this.#reconcilers.size;
  }

  /** Returns the session's reconciler, created if it has none. */
  of(sessionId: string): Reconciler {
    let reconciler = this.#reconcilers.get(sessionId);
    if (reconciler === undefined) {
      reconciler = new Reconciler(sessionId, this.#reconcilerDeps);
      this.#reconcilers.set(sessionId, reconciler);
    }
    return reconciler;
  }

  /** Returns undefined if nothing of the session is known. */
  find(sessionId: string): Reconciler | undefined {
    return this.#reconcilers.get(sessionId);
  }

  all(): readonly Reconciler[] {
    return [...this.#reconcilers.values()];
  }

  /** Yields a report of each session, built when it is needed. */
  *reports() {
    for (const reconciler of this.all()) {
      const status = reconciler.status();
      if (status !== undefined) yield this.#deps.reports.report(status);
    }
  }

  report(sessionId: string): void {
    const status = this.find(sessionId)?.status();
    if (status !== undefined) this.#deps.reports.send(status);
  }

  /** Returns the sessions whose containers exist and have not ended. */
  up(): readonly string[] {
    return this.all().flatMap((reconciler) => (reconciler.isUp() ? [reconciler.sessionId] : []));
  }

  /** Fails the session: the controller gets the reason and has the container removed. */
  giveUp(sessionId: string, reason: string): void {
    this.find(sessionId)?.giveUp(reason);
  }

  /** The session's disk became full, or has room again. */
  reportDisk(sessionId: string, full: boolean, limitBytes: number): void {
    const generation = this.#deps.ledger.assignment(sessionId)?.generation;
    if (generation === undefined) return;
    this.#deps.outbox.keep(`disk:${sessionId}`, { kind: 'disk', value: { sessionId, generation, full, limitBytes } });
  }

  /** Stops these sessions, if they run, before any container is started. */
  endFirst(sessionIds: readonly string[]): void {
    for (const reconciler of sessionIds.flatMap((sessionId) => this.find(sessionId) ?? [])) {
      if (!reconciler.canBeUp()) continue;
      this.#endsFirst.await(reconciler.sessionId);
      reconciler.wake();
    }
  }

  imageArrived(image: string): void {
    for (const sessionId of this.#imageRequests.settle(image)) this.find(sessionId)?.wake();
  }

  /** Fails the sessions that wait for this image: it cannot be built again. */
  imageGone(image: string, reason: string): void {
    for (const sessionId of this.#imageRequests.settle(image)) this.find(sessionId)?.imageGone(image, reason);
  }

  requestImagesAgain(): void {
    this.#imageRequests.resend();
  }

  /** Resolves when no session has anything more to do for now. */
  async idle(): Promise<void> {
    await Promise.all(this.all().map((reconciler) => reconciler.idle()));
  }

  async close(): Promise<void> {
    this.orphans.close();
    this.#endsFirst.close();
    await Promise.all(this.all().map((reconciler) => reconciler.close()));
  }

  #rested(sessionId: string): void {
    const reconciler = this.#reconcilers.get(sessionId);
    if (reconciler === undefined) return;
    this.orphans.update(sessionId, reconciler.orphan());
    if (!reconciler.canBeUp()) this.#endsFirst.ended(sessionId);
    if (!reconciler.isSpent()) return;
    this.#reconcilers.delete(sessionId);
    this.#imageRequests.forget(sessionId);
    // Its retry timer must not outlive it: a session that returns gets another reconciler.
    void reconciler.close();
    this.#deps.relay.forget(sessionId);
    this.#deps.tunnels.endOf(sessionId, 'session_ended');
  }
}
