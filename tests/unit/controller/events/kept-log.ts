import type { Log } from '../../../../seams/log.ts';

/** Keeps the names of the events for a test to look at. */
export interface KeptLog extends Log {
  readonly events: string[];
}

export function keptLog(): KeptLog {
  const events: string[] = [];
  const keep = (event: string) => {
    events.push(event);
  };
  return { events, debug: keep, info: keep, warn: keep, error: keep };
}
