import type { Clock } from '../../seams/clock.ts';
import { Admission, AdmissionOfEach, type AdmissionRate } from './admission.ts';

export interface FairRates {
  readonly perAddress: AdmissionRate;
  readonly inAll: AdmissionRate;
}

/** Addresses within this rate can use the reserve. */
const SELDOM: AdmissionRate = { perSecond: 8 / 60, burst: 8 };

/**
 * A rate per address and one for all. The second half of the common burst is reserved for addresses
 * that call rarely, so that addresses that flood exhaust only the first half.
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

  /**
   * Returns undefined if the caller is admitted, otherwise the rate that it exceeded. A trusted
   * caller has only its own rate.
   */
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
