import { z } from 'zod';
import type { Message } from './shapes.ts';
import type { Kill } from './storm.ts';
import type { Run } from './storm-agent.ts';

/**
 * An agent's record and its guest's journal are two syncs, one after the other: a run whose end was recorded so shortly before a kill may have
 * lost its answer with it. In milliseconds.
 */
const BETWEEN_SYNCS_MS = 400;

/** Why an error_response is right: its run had no end when its container was killed, or was between two syncs then. */
export type Excuse = 'unfinished' | 'between syncs';

export interface Judged {
  readonly error: Message;
  /** Undefined: there is none, and an answer was lost. */
  readonly excuse: Excuse | undefined;
}

const timeOf = (message: Message) => Date.parse(z.string().parse(message.created_at));
const endsOf = ({ atMs, doneMs }: Kill) => [atMs - BETWEEN_SYNCS_MS, doneMs] as const;

/**
 * Why one session's error_responses are right, by the kills of its container and by what its agents recorded of their runs (by message). Each
 * kill cut one run off at most, so it excuses one error: that of a run that was begun before it was done and never ended; or of one that
 * ended, or was journalled by the guest and had not reached the agent, a moment before. Throws for an answer to nothing.
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
