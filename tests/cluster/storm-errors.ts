import { z } from 'zod';
import type { Message } from './shapes.ts';
import type { Kill } from './storm.ts';
import type { Run } from './storm-agent.ts';

/**
 * Milliseconds before a kill in which a run's recorded end can lack an answer: the agent's record
 * and the guest's journal are two syncs, one after the other.
 */
const BETWEEN_SYNCS_MS = 400;

/**
 * Why an error_response is right: at the kill of its container, the run had no end or was between
 * two syncs.
 */
export type Excuse = 'unfinished' | 'between syncs';

export interface Judged {
  readonly error: Message;
  /** Undefined if there is none, and an answer was lost. */
  readonly excuse: Excuse | undefined;
}

const timeOf = (message: Message) => Date.parse(z.string().parse(message.created_at));
const endsOf = ({ atMs, doneMs }: Kill) => [atMs - BETWEEN_SYNCS_MS, doneMs] as const;

/**
 * Explains a session's error_responses by the kills of its container and by the runs that its
 * agents recorded (by message). Each kill cut off at most one run, so it explains one error: of a
 * run that started before the kill and never ended; or of one that had just ended, or was in the
 * guest's journal but had not reached the agent. Throws for an answer without a message.
 */
export function judgeErrorsBy(messages: readonly Message[], kills: readonly Kill[], runs: ReadonlyMap<string, Run>): readonly Judged[] {
  const left = [...kills];
  return messages
    .filter(({ metadata }) => metadata.type === 'error_response')
    .map((error) => {
      const question = messages.find(({ id }) => id === error.metadata.in_reply_to);
      if (question === undefined) throw new Error(`${error.id} answers nothing`);
      const run = runs.get(question.id);
      const wasBegun = run !== undefined || (typeof error.metadata.run_id === 'string' && error.metadata.run_id !== '');
      if (error.metadata.reason !== 'agent_died' || !wasBegun) return { error, excuse: undefined };
      const at = left.findIndex((kill) => timeOf(question) <= kill.doneMs && timeOf(error) >= kill.atMs && cutOff(question.id, run, kill));
      const [kill] = at < 0 ? [] : left.splice(at, 1);
      return { error, excuse: kill && (run !== undefined && run.endedMs === undefined ? 'unfinished' : 'between syncs') };
    });
}

function cutOff(message: string, run: Run | undefined, kill: Kill): boolean {
  if (run === undefined || kill.cut.includes(message)) return true;
  const [from, to] = endsOf(kill);
  return run.startedMs <= to && (run.endedMs === undefined || run.endedMs >= from);
}
