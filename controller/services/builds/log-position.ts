import { decodePart, isAttempt, type LogPart } from '../../../proto/streams/build-log.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { BuildLogStore } from './log-store.ts';

const READ_BYTES = 64 * 1024;

/** Where the last attempt in a stored log stands. */
export interface LogPosition {
  attempt: string;
  lines: number;
  bytes: number;
}

/** Returns what is stored of a build. A last line that a crash cut off is completed. */
export async function positionIn(store: BuildLogStore, { id, spaceId }: BuildRow): Promise<LogPosition> {
  const position = { attempt: '', lines: 0, bytes: 0 };
  let rest = '';
  for (;;) {
    const bytes = Buffer.from(await store.read(spaceId, id, position.bytes, READ_BYTES));
    if (bytes.byteLength === 0) break;
    position.bytes += bytes.byteLength;
    // Latin-1: a character can be cut in two, and only lines are counted.
    const pieces = `${rest}${bytes.toString('latin1')}`.split('\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      const [part] = partIn(piece);
      if (part !== undefined && isAttempt(part)) [position.attempt, position.lines] = [part.attempt, 0];
      else position.lines += 1;
    }
  }
  if (rest === '') return position;
  // It counts as stored, and is left out when it is shown.
  await store.append(spaceId, id, Buffer.from('\n'));
  return { ...position, lines: position.lines + 1, bytes: position.bytes + 1 };
}

/** A line that a crash damaged is left out. */
export function partIn(text: string): readonly LogPart[] {
  try {
    return [decodePart(text)];
  } catch {
    return [];
  }
}
