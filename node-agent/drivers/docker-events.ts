import type Docker from 'dockerode';
import { z } from 'zod';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from './docker-client.ts';
import { type Owner, ownedBy, sessionOfCopy, sessionOfVolume } from './docker-container.ts';
import type { DriverChange } from './driver.ts';
import { jsonLines } from './json-lines.ts';

const RECONNECT_FIRST_MS = 100;
const RECONNECT_LAST_MS = 5_000;

const ACTIONS = ['create', 'start', 'die', 'pause', 'unpause', 'destroy', 'tag', 'untag', 'delete', 'import', 'load', 'pull'];

const event = z.object({
  Type: z.string(),
  Action: z.string().catch(''),
  Actor: z.object({ ID: z.string().catch(''), Attributes: z.record(z.string(), z.string()).nullish() }).optional(),
});

/**
 * The engine's events, for as long as it is not closed. The stream is opened first and `everything` told then, at the start and after each break:
 * what happened while nobody listened is seen by looking, so no event has to be asked for again.
 */
export function watchDocker(
  streams: Docker,
  owner: Owner,
  clock: Clock,
  log: Log,
  listener: (change: DriverChange) => void,
): { close(): void } {
  const ending = new AbortController();
  void (async () => {
    let failures = 0;
    while (!ending.signal.aborted) {
      let heard = false;
      try {
        const stream = await streams.getEvents({
          filters: { type: ['container', 'image', 'volume'], event: ACTIONS },
          abortSignal: ending.signal,
        });
        if (!ending.signal.aborted) listener({ kind: 'everything' });
        failures = 0;
        heard = true;
        for await (const line of jsonLines(stream)) {
          const change = changeOf(owner, line);
          if (change !== undefined && !ending.signal.aborted) listener(change);
        }
      } catch (error) {
        if (!ending.signal.aborted && failures === 0) log.warn('docker.events-lost', { error: messageOf(error) });
      }
      if (heard && !ending.signal.aborted) listener({ kind: 'lost' });
      failures += 1;
      await pause(clock, Math.min(RECONNECT_FIRST_MS * 2 ** Math.min(failures - 1, 16), RECONNECT_LAST_MS), ending.signal);
    }
  })();
  return { close: () => ending.abort() };
}

function changeOf(owner: Owner, line: unknown): DriverChange | undefined {
  const parsed = event.safeParse(line);
  if (!parsed.success) return undefined;
  if (parsed.data.Type === 'image') return { kind: 'images' };
  // The event of a volume does not carry its labels: whose it is shows when it is looked for.
  if (parsed.data.Type === 'volume') {
    const sessionId = parsed.data.Action === 'destroy' ? sessionOfVolume(parsed.data.Actor?.ID ?? '') : undefined;
    return sessionId === undefined ? undefined : { kind: 'session', sessionId };
  }
  const { Attributes } = parsed.data.Actor ?? {};
  const sessionId = ownedBy(owner, Attributes)?.sessionId ?? sessionOfCopy(owner, Attributes);
  return sessionId === undefined ? undefined : { kind: 'session', sessionId };
}
