import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import type { Welcome__Output as Welcome } from '../../proto/generated/raworc/node/v0/Welcome.ts';
import type { Link } from '../../proto/link.ts';
import { commonVersion, NODE_PROTOCOL, shown } from '../../proto/versions.ts';
import { pause, type Timer } from '../../seams/clock.ts';
import { messageOf } from '../../seams/message-of.ts';
import type { Conditions } from '../conditions.ts';
import { within } from '../engine/deadline.ts';
import type { Host } from '../host.ts';
import { compareClocks } from './clock-skew.ts';
import { DialError } from './dial-error.ts';
import type { Wire } from './outbox.ts';

const DIAL_WITHIN_MS = 10_000;
const WELCOME_WITHIN_MS = 15_000;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_LAST_MS = 5_000;
/** Frames that wait behind the current one before reading from the stream pauses. */
export const MAX_FRAMES_WAITING = { frames: 500, bytes: 8 * 1024 * 1024 } as const;
const A_FRAME_BYTES = 512;

/** Kinds of frames that the link handles itself. */
type Greeting = 'welcome' | 'heartbeatAck' | 'inventoryTaken';

export interface ControllerLinkDeps extends Pick<Host, 'dialer' | 'clock' | 'random' | 'log'> {
  readonly clusterId: string;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  /** Takes the digest of the CAs to trust; '' if the controller is older. */
  readonly authorities?: ((digest: string) => void) | undefined;
  /**
   * Returns hello and the parts of the inventory. Each part is built when the one before it was
   * acknowledged.
   */
  greeting(): { readonly hello: NodeFrame; readonly inventory: Iterator<NodeFrame> };
  /**
   * Called when a stream was welcomed and has the whole inventory. `wire` belongs to this stream
   * only.
   */
  connected(welcome: Welcome, wire: Wire): Promise<void>;
  /** The controller says that it removed this node. */
  removed(reason: string): void;
  drained(): void;
  disconnected(): void;
  /** Takes one frame in; the next comes when it resolves. Rejecting ends the stream. */
  take(frame: Exclude<ControllerFrame, { kind: Greeting }>): Promise<void> | undefined;
}

/**
 * Keeps one stream to the controller until closed. A stream that breaks the protocol's order, or
 * whose lease runs out, is closed and dialled again, with jitter and back-off.
 */
export class ControllerLink {
  readonly #deps: ControllerLinkDeps;
  readonly #ending = new AbortController();
  #leaseUntilMs = 0;
  #link: Link<NodeFrame, ControllerFrame> | undefined;
  /** Dialled while another stream was up, to take its place. */
  #next: Link<NodeFrame, ControllerFrame> | undefined;
  #refreshing: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #progressMs: number | undefined;

  constructor(deps: ControllerLinkDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Moves to a new stream, with the dialer's newest certificate. The old stream ends once the new
   * one is up, so the node is away only for a greeting.
   */
  refresh(): void {
    const old = this.#link;
    if (old === undefined) return; // the next one is dialled with it anyway
    this.#refreshing ??= this.#dialNext(old).finally(() => {
      this.#refreshing = undefined;
    });
  }

  /**
   * Milliseconds of lease left, counted from when its heartbeat was sent; negative once it has
   * expired.
   */
  leaseLeftMs(): number {
    return this.#leaseUntilMs - this.#deps.clock.monotonic();
  }

  /**
   * Milliseconds since it last dialled, took in a frame, or heard from the controller while no frame
   * waited. Every step of it has a time limit, so a large value means that it hangs.
   */
  stalledMs(): number {
    return this.#progressMs === undefined ? 0 : this.#deps.clock.monotonic() - this.#progressMs;
  }

  /** Resolves once the stream is closed. Frames sent before are flushed within a time limit. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent ends'));
    this.#link?.close();
    this.#next?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, log, dialer } = this.#deps;
    let failures = 0;
    let said = '';
    while (!this.#ending.signal.aborted) {
      this.#progressMs = clock.monotonic();
      try {
        const link = this.#next ?? (await within(clock, DIAL_WITHIN_MS, this.#ending.signal, (signal) => dialer.dial(signal)));
        this.#next = undefined;
        const welcomed = await this.#stream(link);
        if (welcomed) {
          failures = 0;
          said = '';
        }
      } catch (error) {
        const message = messageOf(error);
        if (error instanceof DialError && error.code === 'removed') this.#deps.removed(message);
        if (message !== said && !this.#ending.signal.aborted) log.warn('controller.away', { error: message });
        said = message;
      }
      if (this.#ending.signal.aborted) return;
      await this.#refreshing;
      if (this.#next !== undefined) continue;
      const ceilingMs = Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(failures, 16), BACKOFF_LAST_MS);
      failures += 1;
      await pause(clock, ceilingMs * (0.5 + random.fraction() / 2), this.#ending.signal);
    }
  }

  /** Tries for as long as the old stream is up. */
  async #dialNext(old: Link<NodeFrame, ControllerFrame>): Promise<void> {
    const { clock, random, dialer } = this.#deps;
    for (let failures = 0; this.#link === old && !this.#ending.signal.aborted; failures += 1) {
      try {
        const next = await within(clock, DIAL_WITHIN_MS, this.#ending.signal, (signal) => dialer.dial(signal));
        if (this.#ending.signal.aborted) return next.close();
        this.#next = next;
        return old.close();
      } catch {
        // The fault is logged when the old stream has ended and dialling still fails.
        const ceilingMs = Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(failures, 16), BACKOFF_LAST_MS);
        await pause(clock, ceilingMs * (0.5 + random.fraction() / 2), this.#ending.signal);
      }
    }
  }

  /** One stream's life. Resolves at its end with whether it was ever welcomed. */
  #stream(link: Link<NodeFrame, ControllerFrame>): Promise<boolean> {
    const { clock, log } = this.#deps;
    this.#link = link;
    return new Promise((resolve) => {
      let welcomed = false;
      let ended = false;
      let taking = false;
      let welcome: Welcome | undefined;
      const waiting: { readonly frame: ControllerFrame; readonly bytes: number }[] = [];
      let waitingBytes = 0;
      const isBehind = () => waiting.length >= MAX_FRAMES_WAITING.frames || waitingBytes >= MAX_FRAMES_WAITING.bytes;
      const { hello, inventory } = this.#deps.greeting();
      let next: IteratorResult<NodeFrame> | undefined;
      let watchdog = clock.after(WELCOME_WITHIN_MS, () => link.close(new Error('the controller sent no welcome in time')));
      let heartbeat: Timer | undefined;
      let heartbeatNumber = 0;
      const sentAtMs = new Map<number, number>();

      const beat = (everyMs: number) => {
        heartbeatNumber += 1;
        sentAtMs.set(heartbeatNumber, clock.monotonic());
        link.send({ kind: 'heartbeat', value: { number: heartbeatNumber } });
        heartbeat = clock.after(everyMs, () => beat(everyMs));
      };
      const renew = (fromMs: number, leaseMs: number) => {
        this.#leaseUntilMs = Math.max(this.#leaseUntilMs, fromMs + leaseMs);
        watchdog.cancel();
        watchdog = clock.after(Math.max(this.leaseLeftMs(), 0), () => link.close(new Error('the controller does not answer heartbeats')));
      };
      const take = (frame: ControllerFrame): Promise<void> | undefined => {
        if (frame.kind === 'heartbeatAck') {
          const sent = sentAtMs.get(frame.value.number);
          for (const number of sentAtMs.keys()) if (number <= frame.value.number) sentAtMs.delete(number);
          if (!taking) this.#progressMs = clock.monotonic();
          if (sent === undefined) return undefined;
          renew(sent, frame.value.leaseMs);
          compareClocks(this.#deps, frame.value.nowMs, sent);
          this.#deps.authorities?.(frame.value.caDigest);
          return undefined;
        }
        if (frame.kind === 'welcome') {
          const refusal = this.#welcomeRefusal(frame.value, welcomed);
          if (refusal !== undefined) throw new Error(refusal);
          welcomed = true;
          renew(dialledMs, frame.value.leaseMs);
          beat(frame.value.heartbeatMs);
          welcome = frame.value;
          return connect();
        }
        if (frame.kind === 'inventoryTaken') {
          list();
          return connect();
        }
        if (!welcomed) throw new Error(`the controller sent ${frame.kind} before its welcome`);
        return this.#deps.take(frame);
      };
      /** The next part of the inventory. */
      const list = () => {
        next ??= inventory.next();
        if (next.done === true) throw new Error('the controller acknowledged a part of the inventory that was not sent');
        if (!link.send(next.value)) throw new Error('the controller does not read the inventory');
        next = inventory.next();
      };
      const connect = (): Promise<void> | undefined => {
        if (welcome === undefined || next?.done !== true) return undefined;
        return this.#deps.connected(welcome, { send: (out) => !ended && link.send(out), end: (fault) => link.close(fault) });
      };
      const pump = async () => {
        taking = true;
        try {
          for (let one = waiting.shift(); one !== undefined && !ended; one = waiting.shift()) {
            await take(one.frame);
            this.#progressMs = clock.monotonic();
            waitingBytes -= one.bytes;
            if (!isBehind()) link.resume();
          }
        } catch (error) {
          link.close(error instanceof Error ? error : new Error(String(error)));
        } finally {
          taking = false;
        }
      };
      link.onMessage((frame, bytes = A_FRAME_BYTES) => {
        // Frames that wait before it must not delay the lease.
        if (frame.kind === 'heartbeatAck') return void take(frame);
        waiting.push({ frame, bytes });
        waitingBytes += bytes;
        if (isBehind()) link.pause();
        if (!taking) void pump();
      });
      link.onDrain(() => this.#deps.drained());
      link.onClose((fault) => {
        ended = true;
        watchdog.cancel();
        heartbeat?.cancel();
        this.#link = undefined;
        log.warn('controller.disconnected', { error: fault?.message });
        if (welcomed) this.#deps.disconnected();
        resolve(welcomed);
      });
      const dialledMs = clock.monotonic();
      link.send(hello);
      list();
      if (this.#ending.signal.aborted) link.close();
    });
  }

  #welcomeRefusal(welcome: Welcome, again: boolean): string | undefined {
    if (again) return 'a second welcome';
    const { protocolVersion: chosen } = welcome;
    if (commonVersion({ oldest: chosen, newest: chosen }, NODE_PROTOCOL) === undefined)
      return `the controller speaks protocol version ${chosen}, this node agent ${shown(NODE_PROTOCOL)}. Upgrade the ${chosen < NODE_PROTOCOL.oldest ? 'controller' : 'node agent'}`;
    if (welcome.clusterId !== this.#deps.clusterId) return `the controller is of another cluster, ${welcome.clusterId}`;
    return undefined;
  }
}
