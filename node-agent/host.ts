import type { Clock } from '../seams/clock.ts';
import type { Log } from '../seams/log.ts';
import type { Metrics } from '../seams/metrics.ts';
import type { Random } from '../seams/random.ts';
import type { Dialer } from './control/dialer.ts';
import type { Driver } from './engine/driver.ts';
import type { GuestListener } from './guests/listener.ts';
import type { Ledger } from './ledger/ledger.ts';

/** The environment of a node agent. Each part uses some of it. */
export interface Host {
  readonly driver: Driver;
  readonly listener: GuestListener;
  readonly ledger: Ledger;
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}
