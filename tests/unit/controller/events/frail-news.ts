import type { DeltaNews, EventPosition, StoredEvent } from '../../../../controller/domain/events/events.ts';
import type { News, NewsListener } from '../../../../controller/services/events/news.ts';

/** A bus that a test breaks at will: nothing is delivered before `deliver` is called, and what is waiting can be changed. */
export class FrailNews implements News {
  connected = true;
  waiting: ((listener: NewsListener) => void)[] = [];
  refusing = false;
  readonly told: StoredEvent[] = [];
  readonly announced: number[] = [];
  readonly #listeners = new Set<NewsListener>();
  readonly #stateListeners = new Set<(connected: boolean) => void>();

  event(epoch: number, event: StoredEvent): 'sent' | 'refused' | 'too large' {
    if (!this.connected || this.refusing) return 'refused';
    if (event.data.tooLarge === true) return 'too large';
    this.told.push(event);
    this.waiting.push((listener) => listener.event(epoch, event));
    return 'sent';
  }

  newest(position: EventPosition): boolean {
    this.announced.push(position.number);
    return this.#say((listener) => listener.newest(position));
  }

  delta(delta: DeltaNews): boolean {
    return this.#say((listener) => listener.delta(delta));
  }

  async flush(signal?: AbortSignal): Promise<boolean> {
    const before = this.connected;
    await Promise.resolve();
    return before && this.connected && signal?.aborted !== true;
  }

  onState(listener: (connected: boolean) => void): { close(): void } {
    this.#stateListeners.add(listener);
    return { close: () => this.#stateListeners.delete(listener) };
  }

  listen(listener: NewsListener): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  /** Going away loses what was on its way. */
  connect(connected: boolean): void {
    if (this.connected === connected) return;
    this.connected = connected;
    this.waiting = [];
    for (const listener of this.#stateListeners) listener(connected);
  }

  deliver(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const say of waiting) for (const listener of this.#listeners) say(listener);
  }

  #say(say: (listener: NewsListener) => void): boolean {
    if (!this.connected) return false;
    this.waiting.push(say);
    return true;
  }
}
