/** Hops of a message that begins with "hops ", as a real guest would have made them. */
import { createHash } from 'node:crypto';
import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';

/**
 * "hops a>b b=>c" has agent a ask b, and b hand over to c, in the run of the newest hop to it. The
 * answer of each is its own name and the question, so that it can be checked.
 */
export function scriptedHops(messageId: string, content: string, at: number): Hop[] {
  if (!content.startsWith('hops ')) return [];
  const hops: Hop[] = [];
  for (const [step, script] of content.slice(5).split(' ').entries()) {
    const [, from = '', arrow, to = ''] = /^([^=>]+)(=?>)(.+)$/.exec(script) ?? [];
    const question = `${script} of ${messageId}`;
    hops.push({
      ...{ id: idOf(messageId, step), parentId: hops.findLast(({ toAgent }) => toAgent === from)?.id ?? '' },
      ...{ kind: arrow === '=>' ? 'HANDOFF' : 'ASK', fromAgent: from, toAgent: to, runId: `run-${step}` },
      ...{ content: question, answer: `${to}: ${question}`, outcome: 'REPLY', reason: '' },
      ...{ askedAtMs: at, waitedMs: step, durationMs: 10 + step, truncated: false },
    });
  }
  return hops;
}

/** The same after a restart of the guest. */
function idOf(messageId: string, step: number): string {
  const hex = createHash('sha256').update(`${messageId} ${step}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
