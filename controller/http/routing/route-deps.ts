import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Tokens } from '../../services/access/tokens.ts';
import type { EventIds } from '../../services/events/event-ids.ts';
import type { Services } from '../../services/services.ts';
import type { SseStreams } from '../events/sse-streams.ts';

/** Dependencies of the routes. */
export interface RouteDeps {
  readonly services: Services;
  readonly tokens: Tokens;
  readonly eventIds: EventIds;
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
  readonly streams: SseStreams;
}
