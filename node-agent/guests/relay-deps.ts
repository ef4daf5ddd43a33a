import type { StreamRefused__Output as StreamRefused } from '../../proto/generated/raworc/v0/StreamRefused.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Metrics } from '../../seams/metrics.ts';
import type { Outbox } from '../control/outbox.ts';
import type { Assignment } from '../domain/session.ts';

export interface RelayDeps {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Undefined if this session is not, or no longer, assigned. */
  assignment(sessionId: string): Assignment | undefined;
  /** Its guest connected or disconnected. */
  guestChanged(sessionId: string): void;
  /** Its guest has finished draining. */
  drained(sessionId: string): void;
  /** The controller must send dropped messages again: report the session again. */
  messagesLost(sessionId: string): void;
  /** Its guest refused to open a byte stream. */
  streamRefused?(sessionId: string, refusal: StreamRefused): void;
}
