import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { answerOf, type Task } from './together-agents.ts';

const hop = z.looseObject({
  ...{ id: z.string(), kind: z.string(), from: z.string(), to: z.string(), question: z.string() },
  ...{ parent_id: z.string().optional(), run_id: z.string().optional(), outcome: z.string().optional(), answer: z.string().optional() },
});
export type TracedHop = z.infer<typeof hop>;
export const traceShape = z.looseObject({ state: z.string(), hops: z.array(hop) });

/**
 * Returns what is wrong with the hops of an answered message: one that its task does not ask for, one
 * twice, a wrong answer, and for a message that got its reply, one that is missing or not answered.
 */
export function faultsOfHops(task: Task, hops: readonly TracedHop[], hasReply: boolean): string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  const judge = (asker: Task, parent: string | undefined): void => {
    const asks = asker.asks.map((one) => ({ kind: 'ask', one }));
    const hand = asker.handsTo === undefined ? [] : [{ kind: 'handoff', one: asker.handsTo }];
    for (const { kind, one } of [...asks, ...hand]) {
      const what = `the ${kind} of ${asker.agent} to ${one.agent} for ${answerOf(one)}`;
      const found = hops.filter(
        (hop) =>
          hop.parent_id === parent &&
          hop.kind === kind &&
          hop.from === asker.agent &&
          hop.to === one.agent &&
          isDeepStrictEqual(JSON.parse(hop.question), JSON.parse(JSON.stringify(one))),
      );
      const [first] = found;
      if (found.length > 1) faults.push(`${what} is there ${found.length} times`);
      if (first === undefined) {
        if (hasReply) faults.push(`${what} is missing`);
        continue;
      }
      for (const { id } of found) seen.add(id);
      const isAnswered = first.outcome === 'reply' && first.run_id !== undefined;
      if (hasReply && !isAnswered) faults.push(`${what} ended as ${first.outcome} in run ${first.run_id}`);
      if (first.outcome === 'reply' && first.answer !== answerOf(one)) faults.push(`${what} was answered "${first.answer}"`);
      judge(one, first.id);
    }
  };
  judge(task, undefined);
  for (const { id, kind, from, to, question } of hops)
    if (!seen.has(id)) faults.push(`the ${kind} ${id} of ${from} to ${to} is not in the task: ${question}`);
  return faults;
}
