import type { Clock } from '../../seams/clock.ts';
import { Admission, AdmissionOfEach, type AdmissionRate } from './admission.ts';

export interface FairRates {
  readonly perAddress: AdmissionRate;
  readonly inAll: AdmissionRate;
}

/** An address that came no more often than this has not been heard of, as far as the reserve is concerned. */
const SELDOM: AdmissionRate = { perSecond: 8 / 60, burst: 8 };

/**
 * A pace for each address and one for all of them. The second half of the common burst is a reserve for addresses that come seldom: those
 * that flood use up the first half, and keep nobody else out.
 */
export class FairAdmission {
  readonly #each: AdmissionOfEach<string>;
  readonly #seldom: AdmissionOfEach<string>;
  readonly #all: Admission;
  readonly #reserve: number;

  constructor(rates: FairRates, clock: Clock) {
    this.#each = new AdmissionOfEach(rates.perAddress, clock);
    this.#seldom = new AdmissionOfEach(SELDOM, clock);
    this.#all = new Admission(rates.inAll, clock);
    this.#reserve = rates.inAll.burst / 2;
  }

  /** Returns undefined if the caller is admitted, otherwise whose rate was exceeded. A trusted caller is limited by its own rate only. */
  enter(address: string, isTrusted = false): 'address' | 'all' | undefined {
    const own = this.#each.of(address);
    if (own.waitMs() !== undefined) return 'address';
    if (!isTrusted) {
      const isSeldom = this.#seldom.enter(address) === undefined;
      if (this.#all.tokens() - 1 < this.#reserve && !isSeldom) return 'all';
      if (this.#all.enter() !== undefined) return 'all';
    }
    own.enter();
    return undefined;
  }
}
