import type { Hop__Output } from '../../../proto/generated/raworc/v0/Hop.ts';
import { visibleName, visibleText } from '../../../seams/terminal-text.ts';
import { MAX_HOPS } from '../../contract/messages.ts';
import type { MessageId } from '../../domain/engine/ids.ts';
import type { GivenHop } from '../../domain/messages/hops.ts';
import { isHopId } from '../../domain/messages/hops.ts';

export interface DecodedHops {
  readonly hops: readonly GivenHop[];
  /** Invalid ones, those beyond the bounds, and those below them. */
  readonly dropped: number;
}

const KINDS: Readonly<Record<Hop__Output['kind'], GivenHop['kind'] | undefined>> = {
  HOP_KIND_UNSPECIFIED: undefined,
  ASK: 'ask',
  HANDOFF: 'handoff',
};
const OUTCOMES: Readonly<Record<Hop__Output['outcome'], GivenHop['outcome'] | undefined>> = {
  OUTCOME_UNSPECIFIED: undefined,
  REPLY: 'reply',
  ERROR: 'error',
};

const MAX_NAME = 64;
const RUN_ID = /^[A-Za-z0-9-]{1,64}$/;
/** No run and no wait is longer than a year. */
const MAX_MS = 366 * 24 * 3600 * 1000;

const NONE: DecodedHops = { hops: [], dropped: 0 };

/**
 * Decodes the hops of an answer. Whatever a compromised guest sends, they have valid ids and names,
 * parents before their children, and texts within the bounds: longer ones are cut.
 */
export function decodeHops(frames: readonly Hop__Output[]): DecodedHops {
  if (frames.length === 0) return NONE;
  const hops: GivenHop[] = [];
  const known = new Set<string>();
  let left = MAX_HOPS.bytes;
  for (const frame of frames) {
    if (hops.length === MAX_HOPS.hops) break;
    const { id, parentId, runId } = frame;
    const kind = KINDS[frame.kind];
    const outcome = OUTCOMES[frame.outcome];
    if (!isHopId(id) || known.has(id) || (parentId !== '' && !known.has(parentId))) continue;
    // A refused hop can name what is no agent: an agent's program wrote it.
    const from = visibleName(frame.fromAgent).slice(0, MAX_NAME);
    const to = visibleName(frame.toAgent).slice(0, MAX_NAME);
    if (kind === undefined || outcome === undefined || from === '' || to === '') continue;
    const question = cutTo(left, frame.content);
    left -= Buffer.byteLength(question);
    const answer = cutTo(left, frame.answer);
    left -= Buffer.byteLength(answer);
    known.add(id);
    hops.push({
      ...{ id: id as MessageId, parentId: parentId === '' ? null : (parentId as MessageId), kind, outcome, question, answer },
      ...{ from, to, runId: RUN_ID.test(runId) ? runId : null },
      reason: visibleText(frame.reason).slice(0, 64),
      askedAt: within(frame.askedAtMs, Number.MAX_SAFE_INTEGER),
      waitedMs: within(frame.waitedMs, MAX_MS),
      durationMs: within(frame.durationMs, MAX_MS),
      truncated: frame.truncated || question !== frame.content || answer !== frame.answer,
    });
  }
  return { hops, dropped: frames.length - hops.length };
}

const within = (value: number, most: number): number => (value >= 0 ? Math.min(Math.trunc(value), most) : 0);

/** Returns as many characters of a text as fit in that many bytes of UTF-8. */
function cutTo(bytes: number, text: string): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  // A cut character decodes to a replacement character, which can be longer than what was cut.
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });
}
