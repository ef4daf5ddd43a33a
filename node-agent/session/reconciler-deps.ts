import type { Most } from '../domain/session-most.ts';
import type { StepName } from '../domain/step.ts';
import type { EngineTurns } from '../engine/engine-turns.ts';
import type { Relay } from '../guests/relay.ts';
import type { Host } from '../host.ts';
import type { Status } from './status.ts';
import type { Uids } from './uids.ts';

/** Dependencies that all reconcilers of a node share. */
export interface ReconcilerDeps extends Pick<Host, 'driver' | 'listener' | 'ledger' | 'clock' | 'log'> {
  readonly engine: EngineTurns;
  readonly guests: Pick<Relay, 'isConnected' | 'isDraining' | 'startDrain' | 'endDrain'>;
  readonly uids: Uids;
  /** This node's maximum for one session, which lowers the controller's limits. */
  most(): Most;
  /** Whether the controller has named the session since this node agent started. */
  confirmed(sessionId: string): boolean;
  /** Called when the engine lacks the image that the session needs. */
  imageMissing(sessionId: string, image: string): void;
  /** Whether its container can be created or started now. If not, the session is woken later. */
  mayStart(sessionId: string): boolean;
  /** Called when its container was removed. */
  ended(sessionId: string): void;
  /** Called before each step. */
  stepping(step: StepName): void;
  /** Called when there is something new to report. */
  changed(status: Status): void;
  /** Called once the removal is complete and durably recorded. */
  removed(sessionId: string, upToGeneration: number): void;
  /** Called when the session has nothing more to do for now. */
  rested(sessionId: string): void;
  /** Called when the ledger cannot be written, after which nothing more can be done. */
  fault(error: unknown): void;
}
