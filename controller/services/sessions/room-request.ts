import type { SessionObject } from '../../contract/sessions.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { Need, Yields } from '../../domain/sessions/placement/filters.ts';
import type { InQueue } from '../../domain/sessions/placement/wait-queue.ts';

/** A request that needs room and can be tried again: it creates, remixes or resumes a session. */
export interface RoomRequest extends InQueue {
  /** Submits it. Each call is one command. `yields` is undefined when it is its turn. */
  attempt(yields?: Yields): Promise<Outcome<SessionObject>>;
  /** Returns what it needs now, or undefined if it would be refused whatever room there is. */
  need(): Need | undefined;
}
