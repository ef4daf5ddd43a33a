import type Docker from 'dockerode';
import { z } from 'zod';
import { type Clock, pause } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import type { DriverChange } from '../driver.ts';
import { type Owner, ownedBy, sessionOfCopy, sessionOfVolume } from './container.ts';
import { jsonLines } from './json-lines.ts';

const RECONNECT_FIRST_MS = 100;
const RECONNECT_LAST_MS = 5_000;

const ACTIONS = ['create', 'start', 'die', 'pause', 'unpause', 'destroy', 'rename', 'tag', 'untag', 'delete', 'import', 'load', 'pull'];

const event = z.object({
  Type: z.string(),
  Action: z.string().catch(''),
  Actor: z.object({ ID: z.string().catch(''), Attributes: z.record(z.string(), z.string()).nullish() }).optional(),
});

/**
 * Follows the engine's events until closed. It opens the stream first and then reports
 * `everything`, at the start and after each interruption, to make up for missed events.
 */
export function watchDocker(
  streams: Docker,
  owner: Owner,
  clock: Clock,
  log: Log,
  listener: (change: DriverChange, containerId?: string) => void,
): { close(): void } {
  const ending = new AbortController();
  void (async () => {
    let failures = 0;
    while (!ending.signal.aborted) {
      let opened = false;
      try {
        const stream = await streams.getEvents({
          filters: { type: ['container', 'image', 'volume'], event: ACTIONS },
          abortSignal: ending.signal,
        });
        if (!ending.signal.aborted) listener({ kind: 'everything' });
        failures = 0;
        opened = true;
        for await (const line of jsonLines(stream)) {
          const heard = changeOf(owner, line);
          if (heard !== undefined && !ending.signal.aborted) listener(heard.change, heard.containerId);
        }
      } catch (error) {
        if (!ending.signal.aborted && failures === 0) log.warn('docker.events-lost', { error: messageOf(error) });
      }
      if (opened && !ending.signal.aborted) listener({ kind: 'lost' });
      failures += 1;
      await pause(clock, Math.min(RECONNECT_FIRST_MS * 2 ** Math.min(failures - 1, 16), RECONNECT_LAST_MS), ending.signal);
    }
  })();
  return { close: () => ending.abort() };
}

interface Heard {
  readonly change: DriverChange;
  /** Actions of the session's own container. */
  readonly containerId?: string;
}

function changeOf(owner: Owner, line: unknown): Heard | undefined {
  const parsed = event.safeParse(line);
  if (!parsed.success) return undefined;
  const { Type, Action, Actor } = parsed.data;
  if (Type === 'image') return { change: { kind: 'images' } };
  // A volume's event has no labels; its owner is known once it is inspected.
  if (Type === 'volume') return Action === 'destroy' ? ofSession(sessionOfVolume(Actor?.ID ?? '')) : undefined;
  const own = ownedBy(owner, Actor?.Attributes)?.sessionId;
  const heard = ofSession(own ?? sessionOfCopy(owner, Actor?.Attributes));
  return heard && own !== undefined && Actor ? { ...heard, containerId: Actor.ID } : heard;
}

const ofSession = (sessionId: string | undefined): Heard | undefined =>
  sessionId === undefined ? undefined : { change: { kind: 'session', sessionId } };
