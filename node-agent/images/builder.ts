import type { BuildAssignment__Output as BuildAssignment } from '../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import type { BuildReport__Output as BuildReport } from '../../proto/generated/raworc/node/v0/BuildReport.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import { within } from '../engine/deadline.ts';
import type { Host } from '../host.ts';
import { buildContext } from './build-context.ts';
import { findOrRestore } from './find-or-restore.ts';
import { type MakeDeps, makeImage } from './make-image.ts';

type FetchSource = (digest: string) => AsyncIterable<Uint8Array>;

const BUILD_LIMIT_MS = 10 * 60_000;
const TIDY_LIMIT_MS = 60_000;
/**
 * Finished builds that are remembered, so that a repeated assignment is answered without another
 * build.
 */
const REMEMBERED = 200;

export interface BuilderDeps extends Pick<Host, 'driver' | 'dialer' | 'clock' | 'log'> {
  /** Returns why this node cannot build now; undefined if it can. */
  refusal(): string | undefined;
  report(report: BuildReport): void;
  readonly metrics?: Metrics | undefined;
}

/**
 * Concurrent builds. The controller assigns no more than its own bound; rebuilds come on top of
 * that.
 */
const AT_ONCE = 4;

/**
 * Builds the images that the controller assigns, a few at once. Skips an image that already exists
 * with its build's label.
 */
export class Builder {
  readonly #deps: BuilderDeps;
  readonly #ending = new AbortController();
  readonly #dependencies: Counter<'how'>;
  readonly #builds = new Map<string, BuildReport>();
  readonly #waiting: BuildAssignment[] = [];
  #hasFailed = false;
  #tidied: Promise<void> = Promise.resolve();
  readonly #working = new Map<BuildAssignment, Promise<void>>();

  constructor(deps: BuilderDeps) {
    this.#deps = deps;
    this.#dependencies = (deps.metrics ?? silentMetrics).counter({
      name: 'node_build_dependencies_total',
      help: 'Sets of dependencies in images that were built, by whether they were installed or taken from an earlier image.',
      labels: ['how'],
    });
  }

  assign(build: BuildAssignment): void {
    const known = this.#builds.get(build.buildId);
    // Check a completed build again: its image can have been removed.
    if (known?.phase === 'BUILD_BUILDING') {
      this.#deps.report(known);
      return;
    }
    this.#say({ buildId: build.buildId, phase: 'BUILD_BUILDING', imageId: '', error: '', baseImageMissing: false, refusedNow: false });
    this.#waiting.push(build);
    this.#next();
  }

  #next(): void {
    if (this.#working.size >= AT_ONCE) return;
    const build = this.#waiting.shift();
    if (build === undefined) return;
    const working = this.#tidied
      .then(() => this.#build(build))
      .finally(() => {
        this.#working.delete(build);
        if (this.#working.size === 0 && this.#hasFailed) this.#tidied = this.#tidy();
        this.#next();
      });
    this.#working.set(build, working);
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

  /** Returns whether a build that has not ended makes this image or starts from it. */
  uses(image: string): boolean {
    return [...this.#waiting, ...this.#working.keys()].some((one) => one.image === image || one.baseImage === image);
  }

  /** Reports the results of recent builds again. Call it on each new stream. */
  resend(): void {
    for (const report of this.#builds.values()) this.#deps.report(report);
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#waiting.length = 0;
    await Promise.all(this.#working.values());
  }

  async #build(build: BuildAssignment): Promise<void> {
    const { clock, log } = this.#deps;
    if (this.#ending.signal.aborted) return;
    const beganMs = clock.monotonic();
    try {
      const built = await within(clock, BUILD_LIMIT_MS, this.#ending.signal, (signal) => this.#make(build, signal));
      const phase = built.ok ? 'BUILD_COMPLETED' : 'BUILD_FAILED';
      const baseImageMissing = 'baseImageMissing' in built;
      this.#say({
        ...{ buildId: build.buildId, phase, imageId: built.ok ? built.imageId : '', error: built.ok ? '' : built.reason },
        baseImageMissing,
        refusedNow: 'refusedNow' in built,
      });
      log.info('build.ended', { build: build.buildId, phase, tookMs: Math.round(clock.monotonic() - beganMs) });
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const isLate = clock.monotonic() - beganMs >= BUILD_LIMIT_MS;
      const message = isLate ? `it took longer than ${BUILD_LIMIT_MS / 60_000} minutes` : messageOf(error);
      const reason = `The image could not be built: ${message}${/\n|\.$/.test(message) ? '' : '.'}`;
      this.#say({ buildId: build.buildId, phase: 'BUILD_FAILED', imageId: '', error: reason, baseImageMissing: false, refusedNow: false });
      log.warn('build.failed', { build: build.buildId, error: message });
    }
  }

  async #make(build: BuildAssignment, signal: AbortSignal) {
    const { driver, dialer, log, refusal } = this.#deps;
    const refused = refusal();
    if (refused !== undefined) return { ok: false, reason: `This node accepts no builds: ${refused}`, refusedNow: true } as const;
    const there = await driver.inspectImage(build.image, signal);
    if (there?.labels['raworc.build'] === build.buildId) return { ok: true, imageId: there.id } as const;
    const base = await findOrRestore({ driver, log }, build.baseImage, signal);
    if (base === undefined)
      return { ok: false, reason: `The base image ${build.baseImage} is not on this node.`, baseImageMissing: true } as const;
    const labels = {
      'raworc.managed': 'true',
      'raworc.image': 'space',
      'raworc.space': build.space,
      'raworc.build': build.buildId,
    };
    const fetching = new AbortController();
    const stop = AbortSignal.any([signal, fetching.signal]);
    const fetch = (digest: string) => dialer.fetchSource(digest, stop);
    try {
      return driver.builds === undefined
        ? await this.#copy(build, labels, fetch, signal)
        : await makeImage({ engine: driver.builds, fetch, ...this.#measured(build.buildId) }, build, base, labels, signal);
    } finally {
      fetching.abort();
    }
  }

  #measured(buildId: string): Pick<MakeDeps, 'passed' | 'installed'> {
    const { clock, log } = this.#deps;
    let sinceMs = clock.monotonic();
    return {
      passed: (stage) => {
        const now = clock.monotonic();
        log.info('build.stage', { build: buildId, stage, tookMs: Math.round(now - sinceMs) });
        sinceMs = now;
      },
      installed: (installed, all) => {
        this.#dependencies.add(installed, { how: 'installed' });
        this.#dependencies.add(all - installed, { how: 'reused' });
      },
    };
  }

  /** Only copies the sources, over an engine that runs nothing. */
  async #copy(build: BuildAssignment, labels: Readonly<Record<string, string>>, fetch: FetchSource, signal: AbortSignal) {
    const { driver } = this.#deps;
    const context = buildContext(build, fetch);
    try {
      const built = await driver.buildImage({ image: build.image, labels, context: context.stream }, signal);
      await context.done;
      return built;
    } catch (error) {
      // A source's error is more helpful than the engine's about an interrupted context.
      context.stream.destroy();
      await context.done;
      throw error;
    } finally {
      context.stream.destroy();
    }
  }

  #say(report: BuildReport): void {
    if (report.phase === 'BUILD_FAILED') this.#hasFailed = true;
    this.#builds.delete(report.buildId);
    // Not repeated: by the next stream the obstacle can be gone, and the controller asks again.
    if (!report.baseImageMissing && !report.refusedNow) this.#builds.set(report.buildId, report);
    for (const [buildId, { phase }] of this.#builds) {
      if (this.#builds.size <= REMEMBERED) break;
      if (phase !== 'BUILD_BUILDING') this.#builds.delete(buildId);
    }
    this.#deps.report(report);
  }
}
