import type { Step } from '../domain/next-step.ts';
import type { Most } from '../domain/session-most.ts';
import type { EngineTurns } from '../engine/engine-turns.ts';
import type { GuestDoors } from '../guests/listener.ts';
import type { CopyingDeps } from './copying.ts';
import type { Status } from './status.ts';
import type { Uids } from './uids.ts';

/** What is around the reconcilers of a node: the engine, what is remembered, and whom they tell. */
export interface ReconcilerDeps extends CopyingDeps {
  readonly doors: GuestDoors;
  readonly engine: EngineTurns;
  readonly uids: Uids;
  /** Whether its guest is connected and was welcomed. */
  guestConnected(sessionId: string): boolean;
  /** Whether its guest was asked to finish and not told to go on. */
  guestDraining(sessionId: string): boolean;
  /** Asks its guest to finish and to take nothing more. */
  startDrain(sessionId: string, graceMs: number): void;
  /** Takes that back. */
  endDrain(sessionId: string): void;
  /** What this node gives to one session at most, whatever the controller says. */
  most(): Most;
  /** Whether the controller has spoken since this start. */
  judged(): boolean;
  /** Called when the engine lacks the image that the session needs: the controller is asked for it. */
  imageMissing(sessionId: string, image: string): void;
  /** Called before each step, with its kind. */
  stepping?(kind: Step['kind']): void;
  /** Called when what is to be reported has changed. */
  changed(status: Status): void;
  /** Called when nothing that the tombstone means is left, durably. */
  removed(sessionId: string, upToGeneration: number): void;
  /** Called when it has nothing more to do for now. */
  rested(): void;
  /** The ledger cannot be written: nothing may be done any more. */
  fault(error: unknown): void;
}
