import { BUILD_LOG_WINDOW_BYTES, BuildLogDecoder, encodePart, isAttempt, type LogPart } from '../../../proto/streams/build-log.ts';
import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import { isOpen } from '../../domain/builds/commands/advance-build.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { BuildId, NodeId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Applier } from '../engine/applier.ts';
import type { Offer, OfferedStreams } from '../streams/offered-streams.ts';
import { partIn, positionIn } from './log-position.ts';
import { type BuildLogStore, beyondBounds, type StoredLog } from './log-store.ts';

/** Of one build, over all its attempts. Later lines are not stored. */
export const MAX_STORED_BYTES = 4 * 2 ** 20;
/** How long after the end of a build its node can still send the log. */
const LATE_MS = 10_000;
const READ_BYTES = 64 * 1024;

export interface BuildLogDeps {
  readonly store: BuildLogStore;
  readonly streams: OfferedStreams;
  readonly view: View;
  readonly applier: Pick<Applier, 'onCommitted'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Returns why nothing can be stored now. */
  readonly refusal?: (() => unknown) | undefined;
}

/** A build whose log can still grow. */
interface Intake {
  readonly row: BuildRow;
  offer: Offer | undefined;
  isOffered: boolean;
  /** Everything of earlier streams is stored. */
  stored: Promise<void>;
  stream: ByteStream | undefined;
  late: Timer | undefined;
}

/**
 * The logs of builds: taken from the nodes that run them, stored, and read while they grow and
 * afterwards. A node that reconnects sends its log again; what is stored is skipped. Readers read what
 * is stored at their own pace, so a slow one costs no memory.
 */
export class BuildLogs {
  readonly #deps: BuildLogDeps;
  readonly #intakes = new Map<BuildId, Intake>();
  readonly #stored = new Map<string, StoredLog>();
  readonly #waiting = new Map<BuildId, Set<() => void>>();
  readonly #lost: Counter<'why'>;
  readonly #ready: Promise<void>;
  #isClosed = false;

  constructor(deps: BuildLogDeps) {
    this.#deps = deps;
    this.#lost = deps.metrics.counter({
      name: 'build_logs_cut_total',
      help: 'Logs of builds that were not stored whole: too long, no room on the disk, a fault, or removed as old.',
      labels: ['why'],
    });
    deps.metrics.gauge({
      name: 'build_log_bytes',
      help: 'Bytes of the stored logs of builds.',
      read: () => [...this.#stored.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    });
    deps.applier.onCommitted(({ mutations }) => {
      for (const one of mutations) {
        if (one.kind === 'put' && one.table === 'builds') this.#changed(one.row);
        if (one.kind === 'remove' && one.table === 'builds') this.#remove(one.id);
        if (one.kind === 'remove' && one.table === 'spaces') this.#removeAll((log) => log.spaceId === one.id);
      }
    });
    this.#ready = this.#open().catch((error: unknown) => deps.log.warn('build.logs_not_listed', { error: messageOf(error) }));
  }

  /** Returns the ticket with which the node opens the stream of a build's log. */
  ticket(row: BuildRow, nodeId: NodeId): string {
    if (this.#isClosed) return '';
    const intake: Intake = this.#intakes.get(row.id) ?? {
      row,
      offer: undefined,
      isOffered: false,
      stored: Promise.resolve(),
      stream: undefined,
      late: undefined,
    };
    this.#intakes.set(row.id, intake);
    intake.offer?.revoke();
    const offer = this.#deps.streams.offer(nodeId, BUILD_LOG_WINDOW_BYTES, (stream) => this.#opened(intake, stream));
    intake.offer = offer;
    intake.isOffered = true;
    return offer.ticket;
  }

  /**
   * Yields the stored lines of a build's log, and with `follow` those that come until the build has
   * ended and its node has sent everything.
   */
  async *lines({ id, spaceId }: BuildRow, follow: boolean, signal: AbortSignal): AsyncGenerator<readonly LogPart[]> {
    let at = 0;
    for (;;) {
      // Before the read: what comes afterwards wakes it.
      const change = this.change(id, signal);
      const isLast = !this.#isGrowing(id);
      const bytes = Buffer.from(await this.#deps.store.read(spaceId, id, at, READ_BYTES));
      const end = bytes.lastIndexOf(0x0a) + 1;
      if (end > 0) {
        at += end;
        change.forget();
        yield bytes
          .subarray(0, end - 1)
          .toString('utf8')
          .split('\n')
          .flatMap(partIn);
      } else if (isLast || !follow) return change.forget();
      else await change.come;
      if (signal.aborted) return;
    }
  }

  /** Resolves `come` when the row or the log of a build changes. */
  change(id: BuildId, signal: AbortSignal): { readonly come: Promise<void>; forget(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const those = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, those.add(resolve));
    const forget = () => {
      those.delete(resolve);
      if (those.size === 0 && this.#waiting.get(id) === those) this.#waiting.delete(id);
      signal.removeEventListener('abort', woken);
      resolve();
    };
    const woken = () => forget();
    signal.addEventListener('abort', woken);
    if (signal.aborted) forget();
    return { come: promise.finally(forget), forget };
  }

  /** Resolves when the log of an ended build is complete, or its node is late. */
  async complete(row: BuildRow, signal: AbortSignal): Promise<void> {
    while (this.#isGrowing(row.id) && !isOpen(this.#deps.view.get('builds', row.id)) && !signal.aborted)
      await this.change(row.id, signal).come;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const intakes = [...this.#intakes.values()];
    for (const { offer, late } of intakes) {
      late?.cancel();
      offer?.revoke();
    }
    for (const id of [...this.#waiting.keys()]) this.#wake(id);
    await Promise.all([this.#ready, ...intakes.map(({ stored }) => stored)]);
  }

  #isGrowing(id: BuildId): boolean {
    if (this.#isClosed) return false;
    return isOpen(this.#deps.view.get('builds', id)) || this.#intakes.has(id);
  }

  async #open(): Promise<void> {
    for (const log of await this.#deps.store.list()) this.#stored.set(log.buildId, log);
    this.#removeAll(({ buildId }) => this.#deps.view.get('builds', buildId) === undefined);
    this.#enforce();
  }

  #changed(row: BuildRow): void {
    const intake = this.#intakes.get(row.id);
    if (intake !== undefined && !isOpen(row)) {
      if (intake.stream === undefined && !intake.isOffered) this.#end(intake);
      else intake.late ??= this.#deps.clock.after(LATE_MS, () => this.#end(intake));
    }
    this.#wake(row.id);
  }

  #opened(intake: Intake, stream: ByteStream): void {
    const before = intake.stream;
    intake.stream = stream;
    before?.destroy();
    intake.isOffered = false;
    intake.stored = intake.stored
      .then(() => this.#store(intake, stream))
      .catch((error: unknown) => {
        stream.destroy();
        if (!this.#isClosed) this.#deps.log.info('build.log_interrupted', { build: intake.row.id, error: messageOf(error) });
      })
      .finally(() => {
        if (intake.stream !== stream) return;
        intake.stream = undefined;
        if (!isOpen(this.#deps.view.get('builds', intake.row.id)) && !intake.isOffered) this.#end(intake);
      });
  }

  async #store(intake: Intake, stream: ByteStream): Promise<void> {
    const { store, clock } = this.#deps;
    const { id, spaceId } = intake.row;
    const position = await positionIn(store, intake.row);
    const decoder = new BuildLogDecoder();
    let toSkip = 0;
    let isCut = false;
    for await (const piece of stream) {
      let text = '';
      for (const part of decoder.decode(piece)) {
        if (isAttempt(part)) {
          const isKnown = part.attempt === position.attempt;
          toSkip = isKnown ? position.lines : 0;
          if (isKnown) continue;
          position.attempt = part.attempt;
          position.lines = 0;
        } else if (toSkip > 0) {
          toSkip -= 1;
          continue;
        } else position.lines += 1;
        text += encodePart(part);
      }
      const bytes = Buffer.from(text);
      const why = position.bytes + bytes.byteLength > MAX_STORED_BYTES ? 'long' : this.#deps.refusal?.() === undefined ? undefined : 'disk';
      if (bytes.byteLength === 0 || isCut) continue;
      const stored = why === undefined ? bytes : Buffer.from(encodePart({ atMs: clock.now(), stage: undefined, line: CUT[why] }));
      isCut = why !== undefined;
      if (why !== undefined) this.#lost.add(1, { why });
      await store.append(spaceId, id, stored);
      position.bytes += stored.byteLength;
      this.#stored.set(id, { spaceId, buildId: id, bytes: position.bytes, atMs: clock.now() });
      this.#wake(id);
    }
    // The node keeps the log until then.
    stream.end();
  }

  /** Nothing more comes. */
  #end(intake: Intake): void {
    const { id } = intake.row;
    if (this.#intakes.get(id) !== intake || isOpen(this.#deps.view.get('builds', id))) return;
    this.#intakes.delete(id);
    intake.late?.cancel();
    intake.offer?.revoke();
    this.#wake(id);
    void intake.stored.then(() => this.#enforce());
  }

  #enforce(): void {
    for (const { buildId } of beyondBounds([...this.#stored.values()], (id) => this.#intakes.has(id as BuildId))) {
      this.#lost.add(1, { why: 'old' });
      this.#remove(buildId);
    }
  }

  #removeAll(isMeant: (log: StoredLog) => boolean): void {
    for (const log of this.#stored.values()) if (isMeant(log)) this.#remove(log.buildId);
  }

  /** Finds the log by its build: a space with a thousand builds can be removed where there are many more. */
  #remove(buildId: string): void {
    const log = this.#stored.get(buildId);
    if (log === undefined) return;
    this.#stored.delete(buildId);
    const intake = this.#intakes.get(buildId as BuildId);
    intake?.offer?.revoke();
    this.#intakes.delete(buildId as BuildId);
    Promise.resolve(intake?.stored)
      .then(() => this.#deps.store.remove(log.spaceId, buildId))
      .catch((error: unknown) => this.#deps.log.warn('build.log_not_removed', { build: buildId, error: messageOf(error) }));
    this.#wake(buildId as BuildId);
  }

  #wake(id: BuildId): void {
    for (const resolve of [...(this.#waiting.get(id) ?? [])]) resolve();
  }
}

const CUT = {
  long: '… the log is too long: the rest is not stored',
  disk: '… the disk of the controller is nearly full: the rest is not stored',
} as const;
