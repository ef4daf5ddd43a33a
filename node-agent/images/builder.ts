import type { BuildAssignment__Output as BuildAssignment } from '../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import type { BuildReport__Output as BuildReport } from '../../proto/generated/raworc/node/v0/BuildReport.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import { BuildLog } from '../builds/build-log.ts';
import { type BuildResult, workOnBuild } from '../builds/build-work.ts';
import { LogSenders } from '../builds/log-senders.ts';
import { Progress } from '../builds/progress.ts';
import { within } from '../engine/deadline.ts';
import type { Host } from '../host.ts';
import { HandlerChecks } from './checks/handler-checks.ts';
import { Toolchains } from './toolchains.ts';

const BUILD_LIMIT_MS = 10 * 60_000;
const TIDY_LIMIT_MS = 60_000;
const REMOVE_LIMIT_MS = 60_000;
/**
 * Finished builds that are remembered, so that a repeated assignment is answered without another
 * build.
 */
const REMEMBERED = 200;

export interface BuilderDeps extends Pick<Host, 'driver' | 'dialer' | 'clock' | 'random' | 'log'> {
  /** Returns why this node cannot build now; undefined if it can. */
  refusal(): string | undefined;
  report(report: BuildReport): void;
  readonly metrics?: Metrics | undefined;
  /** How long a build can take. */
  readonly limitMs?: number | undefined;
}

/**
 * Concurrent builds. The controller assigns no more than its own bound; rebuilds come on top of
 * that.
 */
const AT_ONCE = 4;

/** A build that this node was assigned and that has not ended. */
interface Work {
  readonly build: BuildAssignment;
  readonly cancelling: AbortController;
  readonly progress: Progress;
  /** An interrupted attempt at the same build, which ends first. */
  readonly before: Promise<void> | undefined;
  /** Undefined while it waits. */
  done: Promise<void> | undefined;
}

/**
 * Builds the images that the controller assigns, a few at once. Skips an image that already exists
 * with its build's label.
 */
export class Builder {
  readonly #deps: BuilderDeps;
  readonly #ending = new AbortController();
  readonly #dependencies: Counter<'how'>;
  readonly #cancelled: Counter<'why'>;
  readonly #logs: LogSenders;
  /** What was last reported, by build. */
  readonly #reports = new Map<string, BuildReport>();
  /** In the order of their assignments. */
  readonly #works = new Map<string, Work>();
  /** Interrupted builds that are still ending, and removals of images that they made. */
  readonly #removing = new Map<string, Promise<void>>();
  #hasFailed = false;
  #tidied: Promise<void> = Promise.resolve();
  readonly #toolchains: Toolchains | undefined;
  readonly #checks: HandlerChecks | undefined;

  constructor(deps: BuilderDeps) {
    this.#deps = deps;
    if (deps.driver.builds !== undefined) {
      this.#toolchains = new Toolchains(deps.driver.builds);
      this.#checks = new HandlerChecks(deps.driver.builds);
    }
    this.#logs = new LogSenders(deps);
    const metrics = deps.metrics ?? silentMetrics;
    this.#dependencies = metrics.counter({
      name: 'node_build_dependencies_total',
      help: 'Sets of dependencies in images that were built, by whether they were installed or taken from an earlier image.',
      labels: ['how'],
    });
    this.#cancelled = metrics.counter({
      name: 'node_builds_interrupted_total',
      help: 'Builds that ended early: cancelled, or because the controller was away for longer than the lease.',
      labels: ['why'],
    });
  }

  assign(build: BuildAssignment): void {
    const { buildId } = build;
    const known = this.#reports.get(buildId);
    // Check a completed build again: its image can have been removed.
    if (known?.phase === 'BUILD_BUILDING') {
      this.#deps.report(known);
      return this.#logs.send(buildId, build.logTicket);
    }
    // Of a build that ended while the controller was away, the first log is wanted.
    const isRepeated = known !== undefined && this.#logs.has(buildId);
    const log = isRepeated ? new BuildLog(this.#deps.clock) : this.#logs.begin(buildId);
    const progress: Progress = new Progress(log, this.#deps.clock, () => this.#say(buildId, { phase: 'BUILD_BUILDING' }));
    this.#works.set(buildId, {
      build,
      cancelling: new AbortController(),
      progress,
      before: this.#works.get(buildId)?.done,
      done: undefined,
    });
    this.#say(buildId, { phase: 'BUILD_BUILDING' });
    this.#logs.send(buildId, build.logTicket);
    this.#next();
  }

  /** Ends a build, and removes what it left, also if it has ended already. */
  cancel(buildId: string, image: string): void {
    const work = this.#works.get(buildId);
    this.#reports.delete(buildId);
    if (work !== undefined) this.#interrupt(work, 'cancelled', 'The build was cancelled.');
    if (image === '' || this.#removing.has(buildId)) return;
    const removed = Promise.resolve(work?.done)
      .then(() => this.#remove(buildId, image))
      .finally(() => this.#removing.delete(buildId));
    this.#removing.set(buildId, removed);
  }

  /**
   * The lease ran out, so the controller can have given the builds to another node. It assigns
   * those again that are still this node's.
   */
  leaseLost(): void {
    for (const work of [...this.#works.values()]) {
      this.#reports.delete(work.build.buildId);
      this.#interrupt(work, 'lease', 'The node lost its connection to the controller.');
    }
  }

  /** Returns whether a build that has not ended makes this image or starts from it. */
  uses(image: string): boolean {
    return [...this.#works.values()].some(({ build }) => build.image === image || build.baseImage === image);
  }

  /** Reports the results of recent builds again. Call it on each new stream. */
  resend(): void {
    for (const report of this.#reports.values()) this.#deps.report(report);
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    const working = [...this.#works.values()].map(({ done }) => done);
    this.#works.clear();
    await Promise.all([this.#logs.close(), ...working, ...this.#removing.values()]);
  }

  #next(): void {
    const works = [...this.#works.values()];
    if (works.filter(({ done }) => done !== undefined).length >= AT_ONCE) return;
    const work = works.find(({ done }) => done === undefined);
    if (work === undefined) return;
    const { buildId } = work.build;
    work.done = Promise.all([this.#tidied, work.before])
      .then(() => this.#build(work))
      .finally(() => {
        // Another attempt can have begun meanwhile.
        if (this.#works.get(buildId) === work) this.#works.delete(buildId);
        if (this.#hasFailed && [...this.#works.values()].every(({ done }) => done === undefined)) this.#tidied = this.#tidy();
        this.#next();
      });
    this.#next();
  }

  #interrupt(work: Work, why: 'cancelled' | 'lease', reason: string): void {
    const { build, cancelling, progress } = work;
    if (cancelling.signal.aborted) return;
    this.#cancelled.add(1, { why });
    this.#hasFailed = true;
    progress.print(reason);
    progress.end(false);
    this.#logs.ended(build.buildId, false);
    cancelling.abort(new Error(reason));
    if (work.done === undefined) this.#works.delete(build.buildId);
  }

  async #remove(buildId: string, image: string): Promise<void> {
    const { driver, clock, log } = this.#deps;
    // It was assigned again.
    if (this.#works.has(buildId)) return;
    try {
      await within(clock, REMOVE_LIMIT_MS, this.#ending.signal, (signal) => driver.removeImage(image, signal));
    } catch (error) {
      // The controller condemns an image that no build and no session needs, and asks again.
      if (!this.#ending.signal.aborted) log.warn('build.image_not_removed', { build: buildId, error: messageOf(error) });
    }
  }

  /** The engine keeps the layers of a build that it could not complete. Builds wait meanwhile. */
  async #tidy(): Promise<void> {
    this.#hasFailed = false;
    const { driver, clock, log } = this.#deps;
    try {
      await within(clock, TIDY_LIMIT_MS, this.#ending.signal, async (signal) => driver.builds?.tidy(signal));
    } catch (error) {
      if (!this.#ending.signal.aborted) log.warn('build.not_tidied', { error: messageOf(error) });
    }
  }

  async #build(work: Work): Promise<void> {
    const { clock, log, limitMs = BUILD_LIMIT_MS } = this.#deps;
    const { build, cancelling, progress } = work;
    const { buildId } = build;
    const stop = AbortSignal.any([this.#ending.signal, cancelling.signal]);
    if (stop.aborted) return;
    const beganMs = clock.monotonic();
    const end = (result: Exclude<BuildResult, 'same'>) => {
      if (!result.ok) progress.print(result.reason);
      progress.end(result.ok);
      this.#say(
        buildId,
        result.ok
          ? {
              phase: 'BUILD_COMPLETED',
              imageId: result.imageId,
              ownBaseAgent: result.ownBase?.agent ?? '',
              ownBaseImage: result.ownBase?.image ?? '',
            }
          : { ...result, phase: 'BUILD_FAILED', error: progress.log.masked(result.reason) },
      );
      this.#logs.ended(buildId, build.logTicket !== '');
      for (const { name, tookMs } of progress.stages) log.info('build.stage', { build: buildId, stage: name, tookMs });
    };
    try {
      const result = await within(clock, limitMs, stop, (signal) =>
        workOnBuild(
          {
            ...{ ...this.#deps, progress, toolchains: this.#toolchains, checks: this.#checks },
            installed: (...counts) => this.#count(...counts),
          },
          build,
          signal,
        ),
      );
      if (stop.aborted) return;
      if (result === 'same') {
        progress.end(true);
        this.#reports.delete(buildId);
        return this.#logs.ended(buildId, build.logTicket !== '');
      }
      end(result);
      log.info('build.ended', { build: buildId, ok: result.ok, tookMs: Math.round(clock.monotonic() - beganMs) });
    } catch (error) {
      if (stop.aborted) return;
      const isLate = clock.monotonic() - beganMs >= limitMs;
      const message = isLate
        ? `it took longer than ${limitMs < 60_000 ? `${limitMs / 1000} seconds` : `${limitMs / 60_000} minutes`}`
        : progress.log.masked(messageOf(error));
      end({ ok: false, reason: `The image could not be built: ${message}${/\n|\.$/.test(message) ? '' : '.'}` });
      log.warn('build.failed', { build: buildId, error: message });
    }
  }

  #count(installed: number, all: number): void {
    this.#dependencies.add(installed, { how: 'installed' });
    this.#dependencies.add(all - installed, { how: 'reused' });
  }

  #say(buildId: string, news: Pick<BuildReport, 'phase'> & Partial<BuildReport>): void {
    const stages = this.#works.get(buildId)?.progress.stages ?? [];
    const { phase, imageId = '', error = '', baseImageMissing = false, refusedNow = false, ownBaseAgent = '', ownBaseImage = '' } = news;
    const report = { buildId, phase, imageId, error, baseImageMissing, refusedNow, ownBaseAgent, ownBaseImage, stages };
    if (phase === 'BUILD_FAILED') this.#hasFailed = true;
    this.#reports.delete(buildId);
    // Not repeated: by the next stream the obstacle can be gone, and the controller asks again.
    if (!baseImageMissing && !refusedNow) this.#reports.set(buildId, report);
    for (const [id, known] of this.#reports) {
      if (this.#reports.size <= REMEMBERED) break;
      if (known.phase !== 'BUILD_BUILDING') this.#reports.delete(id);
    }
    this.#deps.report(report);
  }
}
