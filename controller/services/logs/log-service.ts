import { type Clock, pause } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { restState } from '../../domain/sessions/life-cycle.ts';
import type { Caller } from '../access/caller.ts';
import type { Budgets } from '../budget/budgets.ts';
import { type TurnKey, Turns } from '../budget/turns.ts';
import type { LineWatcher, Watching } from '../events/watching.ts';
import { FollowedLines } from './followed-lines.ts';
import type { LogFeeds } from './log-feeds.ts';
import { type LogReaderDeps, type LogsRead, logReader, READ_TIMEOUT_MS } from './log-reader.ts';
import { agentScope, isUp, isWanted, type LogRequest, type LogScope, spaceScope } from './log-scope.ts';

/** How long a read waits for a place. A caller with all its places in use is refused at once. */
const WAIT_MS = 5_000;

export type Logs = ReturnType<typeof logService>;

export interface LogDeps extends LogReaderDeps {
  readonly feeds: Pick<LogFeeds, 'watch' | 'ready'>;
  readonly log: Log;
  readonly budgets: Pick<Budgets, 'limits'>;
}

/** Reads and follows the log lines of agents: of one, or of all in a space. */
export function logService({ feeds, log, budgets, ...deps }: LogDeps) {
  const { view, clock } = deps;
  const readAll = logReader(deps);
  const { process, account = process, space = process } = budgets.limits.atOnce.log_reads;
  // Per account and space, so that neither keeps others from reading.
  const turns = new Turns(process);
  const keysOf = (scope: LogScope): readonly TurnKey[] => [
    { key: `account ${scope.accountId}`, most: account },
    { key: `space ${scope.space.id}`, most: space },
  ];

  return {
    /** Returns what the caller can read of one agent. */
    agentScope: (caller: Caller, spaceName: string, agent: string, request: LogRequest): Outcome<LogScope> =>
      agentScope(view, caller, spaceName, agent, request),
    /** Returns what the caller can read in a space, of all agents or one. */
    spaceScope: (caller: Caller, spaceName: string, agent: string | undefined, request: LogRequest): Outcome<LogScope> =>
      spaceScope(view, caller, spaceName, agent, request),
    /**
     * Reads lines from the volumes of running sessions. 409 if the session is paused or suspended,
     * 503 if it does not respond.
     */
    async read(scope: LogScope): Promise<Outcome<LogsRead>> {
      const resting = rests(view, scope);
      if (resting !== undefined) return resting;
      const keys = keysOf(scope);
      const patience = new AbortController();
      const timer = clock.after(WAIT_MS, () => patience.abort());
      const endTurn = turns.hasPlace(keys) ? await turns.wait(keys, patience.signal) : undefined;
      timer.cancel();
      if (endTurn === undefined) {
        const details = { budget: 'log_reads', retry_after_s: 1 };
        return refused('RATE_LIMITED', 'Too many logs are being read. Retry in a moment.', details);
      }
      try {
        const read = await readAll(scope);
        if (scope.session === undefined || read.unread === 0) return accepted(read);
        return rests(view, scope) ?? refused('UNAVAILABLE', 'The session does not respond. Retry in a moment.');
      } finally {
        endTurn();
      }
    },
    /**
     * Calls the watcher with the newest lines, then with each new one, until closed. Sessions that
     * start meanwhile are followed too. Lines can get lost on the way, or while the watcher is full;
     * the next line says how many.
     */
    follow(scope: LogScope, watcher: LineWatcher): Watching {
      const over = new AbortController();
      const sinceMs = clock.now();
      const lines = new FollowedLines(watcher, () => watching.close());
      const watching = feeds.watch(scope, {
        log(line) {
          if (isWanted(line, scope)) return lines.add(line);
          lines.lost(line.dropped);
          return 'more';
        },
        end: () => watcher.end(),
      });

      async function readInTurn(): Promise<void> {
        const endTurn = await turns.wait(keysOf(scope), over.signal);
        if (endTurn === undefined) return;
        let stored: LogsRead['lines'] = [];
        try {
          // Subscribe before reading older lines, so that none is lost in between.
          await inTime(clock, feeds.ready(scope), over.signal);
          stored = (await readAll(scope)).lines;
        } catch (error) {
          log.warn('logs.unread', { space: scope.space.id, error: messageOf(error) });
        } finally {
          endTurn();
        }
        if (!over.signal.aborted) lines.begin(stored, sinceMs);
      }

      void readInTurn();
      return {
        resume: () => lines.resume(),
        close() {
          over.abort();
          watching.close();
        },
      };
    },
  };
}

/** Resolves when the work does, or after a time limit. */
async function inTime(clock: Clock, work: Promise<void>, signal: AbortSignal): Promise<void> {
  const enough = new AbortController();
  const waited = pause(clock, READ_TIMEOUT_MS, AbortSignal.any([signal, enough.signal]));
  await Promise.race([work, waited]).finally(() => enough.abort());
}

function rests(view: View, { session }: LogScope): Outcome<never> | undefined {
  const row = session === undefined ? undefined : view.get('sessions', session);
  if (row === undefined || isUp(row)) return undefined;
  return refused('CONFLICT', `The session is in state ${restState(row)}: resume it to read the logs on its volume.`);
}
