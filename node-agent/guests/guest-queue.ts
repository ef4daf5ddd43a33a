import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { StopAgent__Output as StopAgent } from '../../proto/generated/raworc/v0/StopAgent.ts';
import type { Backpressure } from './backpressure.ts';
import type { GuestLink } from './listener.ts';

/** Per session. Beyond them messages are dropped, and requested again once there is room. */
const MAX_MESSAGES = 256;
const MAX_CHARACTERS = 16 * 1024 * 1024;

const sizeOf = (message: Deliver) => message.content.length + message.contextJson.length;

interface Drain {
  readonly untilMs: number;
  /** Whether the connected guest was told about it. */
  sent: boolean;
}

/**
 * Everything that waits for one session's guest: the request to drain, agents to stop, cancelled
 * messages, then messages in order. During a drain messages are dropped, because the controller sends them again
 * to the next guest.
 */
export class GuestQueue {
  readonly #backpressure: Backpressure;
  #messages: Deliver[] = [];
  #characters = 0;
  #isIncomplete = false;
  #drain: Drain | undefined;
  readonly #stops = new Map<string, StopAgent>();
  readonly #cancels = new Map<string, CancelMessage>();

  constructor(backpressure: Backpressure) {
    this.#backpressure = backpressure;
  }

  get isDraining(): boolean {
    return this.#drain !== undefined;
  }

  /** The grace of the drain; undefined without a drain. `nowMs` is of the monotonic clock. */
  graceLeftMs(nowMs: number): number | undefined {
    return this.#drain && Math.max(0, Math.ceil(this.#drain.untilMs - nowMs));
  }

  /**
   * Sends the message, or queues it behind the others. Returns false if there was no room and the
   * controller must send it again.
   */
  deliver(message: Deliver, link: GuestLink | undefined): boolean {
    if (this.#drain !== undefined) {
      // The next guest gets the message anyway; this one gets it only if the drain is cancelled.
      this.#isIncomplete = true;
      return true;
    }
    const isNext = this.#messages.length === 0 && this.#stops.size === 0 && this.#cancels.size === 0;
    if (isNext && link?.send({ kind: 'deliver', value: message })) return true;
    const size = sizeOf(message);
    const hasRoom = this.#messages.length < MAX_MESSAGES && this.#characters + size <= MAX_CHARACTERS;
    if (!hasRoom || !this.#backpressure.hasRoom(size)) {
      this.#isIncomplete = true;
      return false;
    }
    this.#messages.push(message);
    this.#add(size);
    return true;
  }

  /** Drops messages up to this number, which no longer need an answer. */
  dropSettled(upToSeq: number): void {
    this.#drop((message) => message.seq <= upToSeq);
  }

  /**
   * Drops the agent's waiting messages; the controller sends the unanswered ones again. The stop
   * overtakes the others, whose runs must not ask the agent either.
   */
  stopAgent(stop: StopAgent, link: GuestLink | undefined): void {
    if (this.#drop((message) => message.agent === stop.agent)) this.#isIncomplete = true;
    this.#messages = this.#messages.map((message) => ({ ...message, agents: message.agents.filter((name) => name !== stop.agent) }));
    if (link === undefined) return;
    this.#stops.set(stop.agent, stop);
    this.#sendStops(link);
  }

  /** Overtakes waiting messages, so that the guest does not begin the cancelled one. */
  cancel(cancel: CancelMessage, link: GuestLink): void {
    this.#cancels.set(cancel.messageId, cancel);
    this.#sendCancels(link);
  }

  startDrain(untilMs: number): void {
    if (this.#drop(() => true)) this.#isIncomplete = true;
    this.#drain = { untilMs, sent: false };
  }

  endDrain(): void {
    this.clear();
    this.#drain = undefined;
  }

  /** The guest's welcome contained the drain. */
  drainSent(): void {
    if (this.#drain !== undefined) this.#drain.sent = true;
  }

  /** Sends as much as the link accepts. */
  flush(link: GuestLink, nowMs: number): void {
    const drain = this.#drain;
    if (drain?.sent === false) drain.sent = link.send({ kind: 'drain', value: { graceMs: this.graceLeftMs(nowMs) ?? 0 } });
    if (!this.#sendStops(link) || !this.#sendCancels(link)) return;
    for (let message = this.#messages[0]; message !== undefined; message = this.#messages[0]) {
      if (!link.send({ kind: 'deliver', value: message })) return;
      this.#messages.shift();
      this.#add(-sizeOf(message));
    }
  }

  /**
   * The controller tells a returning guest which agents are stopped, once the guest has reported
   * its workers. Its welcome has the cancelled messages.
   */
  disconnected(): void {
    this.#stops.clear();
    this.#cancels.clear();
  }

  /**
   * Returns true once messages were dropped and the queue is empty again, so that the controller
   * can send them now.
   */
  takeIncomplete(): boolean {
    if (!this.#isIncomplete || this.#messages.length > 0 || this.#drain !== undefined) return false;
    this.#isIncomplete = false;
    return true;
  }

  clear(): void {
    this.#drop(() => true);
  }

  #sendStops(link: GuestLink): boolean {
    for (const [agent, stop] of this.#stops) {
      if (!link.send({ kind: 'stopAgent', value: stop })) return false;
      this.#stops.delete(agent);
    }
    return true;
  }

  #sendCancels(link: GuestLink): boolean {
    for (const [messageId, value] of this.#cancels) {
      if (!link.send({ kind: 'cancelMessage', value })) return false;
      this.#cancels.delete(messageId);
    }
    return true;
  }

  #drop(which: (message: Deliver) => boolean): boolean {
    const dropped = this.#messages.filter(which);
    if (dropped.length === 0) return false;
    this.#messages = this.#messages.filter((message) => !which(message));
    this.#add(-dropped.reduce((sum, message) => sum + sizeOf(message), 0));
    return true;
  }

  #add(characters: number): void {
    this.#characters += characters;
    this.#backpressure.addHeld(characters);
  }
}
