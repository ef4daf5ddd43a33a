import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import { REASONS, type Reason } from './reasons.ts';
import type { RunEnd } from './worker-host.ts';

const MAX_ERROR_CHARACTERS = 16 * 1024;

export const errorEnd = (reason: Reason, content: string = REASONS[reason]): Extract<RunEnd, { outcome: 'error' }> => ({
  outcome: 'error',
  reason,
  content,
});

/** Returns the answer to a message from the outcome of its run. */
export function answerOf(
  end: RunEnd,
  run: Pick<Answer, 'sessionId' | 'generation' | 'messageId' | 'runId' | 'agent' | 'durationMs' | 'hops'>,
): Answer {
  // Half a surrogate pair is not a character and cannot be encoded.
  const content = end.content.toWellFormed();
  if (end.outcome === 'reply') return { ...run, outcome: 'REPLY', content, reason: '', model: end.model ?? '' };
  return { ...run, outcome: 'ERROR', model: '', content: content.slice(0, MAX_ERROR_CHARACTERS), reason: end.reason };
}

/** Adds fields at the beginning of a JSON object. Returns any other text unchanged. */
export function withFields(json: string, fields: Readonly<Record<string, unknown>>): string {
  const opening = /^\s*\{\s*/.exec(json)?.[0];
  if (opening === undefined) return json;
  const own = json.slice(opening.length);
  return `${JSON.stringify(fields).slice(0, -1)}${own.startsWith('}') ? '' : ','}${own}`;
}
