import type { Bus, Subscription } from '../../../controller/bus/bus.ts';
import { matches } from '../../unit/controller/events/wildcard.ts';
import type { SimulatedTime } from './clock.ts';
import { type Life, never } from './life.ts';
import type { SeededRandom } from './random.ts';

interface Listening {
  readonly life: Life;
  readonly pattern: string;
  readonly listener: (subject: string, payload: Uint8Array) => void;
}

/** The broker beside the controller. It loses, duplicates and delays messages, and can be down. */
export class Broker {
  readonly #time: SimulatedTime;
  readonly #random: SeededRandom;
  readonly #listening = new Set<Listening>();
  readonly #states = new Set<{ readonly life: Life; readonly listener: (connected: boolean) => void }>();
  #up = true;
  loss = 0.05;

  constructor(time: SimulatedTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#up;
  }

  set(up: boolean): void {
    if (this.#up === up) return;
    this.#up = up;
    for (const { life, listener } of this.#states) this.#time.schedule(this.#random.between(0, 50), () => life.run(() => listener(up)));
  }

  /** The bus of one process. */
  busFor(life: Life): Bus {
    const broker = this;
    let refused = 0;
    const mine = new Set<{ close(): void }>();
    const subscribe = (listening: Listening): Subscription => {
      this.#listening.add(listening);
      const subscription = { close: () => this.#listening.delete(listening) };
      mine.add(subscription);
      return subscription;
    };
    life.atDeath(() => {
      for (const one of mine) one.close();
    });
    return {
      get connected() {
        return broker.#up;
      },
      maxPayloadBytes: 1024 * 1024,
      get refused() {
        return refused;
      },
      publish: (subject, payload) => {
        if (this.#up && !life.isDead) return this.#publish(life, subject, payload);
        refused += 1;
        return false;
      },
      subscribe: (pattern, listener) => subscribe({ life, pattern, listener }),
      onState: (listener) => {
        const state = { life, listener };
        this.#states.add(state);
        const subscription = { close: () => this.#states.delete(state) };
        mine.add(subscription);
        return subscription;
      },
      flush: () => {
        const was = this.#up;
        if (life.isDead) return never();
        return new Promise((resolve) =>
          this.#time.schedule(this.#random.mostlySmall(0.1, 20), () => life.run(() => resolve(was && this.#up))),
        );
      },
      close: async () => {
        for (const one of mine) one.close();
      },
    };
  }

  /** A publisher does not receive its own messages. */
  #publish(from: Life, subject: string, payload: Uint8Array): true {
    for (const { life, pattern, listener } of this.#listening) {
      if (life === from || !matches(pattern, subject)) continue;
      const copies = this.#random.chance(this.loss) ? 0 : this.#random.chance(0.02) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        this.#time.schedule(this.#random.mostlySmall(0.1, 20), () => life.run(() => listener(subject, payload)));
      }
    }
    return true;
  }
}
