import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Most } from '../domain/session-most.ts';
import type { StepName } from '../domain/step.ts';
import type { Driver } from '../engine/driver.ts';
import type { EngineTurns } from '../engine/engine-turns.ts';
import type { GuestDoors } from '../guests/listener.ts';
import type { Relay } from '../guests/relay.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Status } from './status.ts';
import type { Uids } from './uids.ts';

/** What all reconcilers of a node share: the engine, the ledger, and whom they call. */
export interface ReconcilerDeps {
  readonly driver: Driver;
  readonly engine: EngineTurns;
  readonly doors: GuestDoors;
  readonly guests: Pick<Relay, 'isConnected' | 'isDraining' | 'startDrain' | 'endDrain'>;
  readonly ledger: Ledger;
  readonly uids: Uids;
  readonly clock: Clock;
  readonly log: Log;
  /** What this node gives to one session at most, whatever the controller says. */
  most(): Most;
  /** Whether the controller has spoken of the session since this start. */
  judged(sessionId: string): boolean;
  /** Called when the engine lacks the image that the session needs. */
  imageMissing(sessionId: string, image: string): void;
  /** Called before each step. */
  stepping(step: StepName): void;
  /** Called when what is to be reported has changed. */
  changed(status: Status): void;
  /** Called when nothing that the tombstone covers is left, durably. */
  removed(sessionId: string, upToGeneration: number): void;
  /** Called when the session has nothing more to do for now. */
  rested(sessionId: string): void;
  /** Called when the ledger cannot be written: nothing may be done any more. */
  fault(error: unknown): void;
}
