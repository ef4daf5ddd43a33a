import type { Plant } from './plant.ts';

/** Faults in how sessions are used: commands, their streams, waking and idling. */
export const USE_PLANTS = {
  'time limit unsaid': {
    breaks: 'The end of a command says whether its time limit ended it.',
    file: 'guest/streams/exec.ts',
    find: 'say({ ...end, timedOut });',
    replace: 'say({ ...end, timedOut: false });',
    foundBy: { seed: 30 },
  },
  'loss as an end': {
    breaks: 'A command whose end did not come has no result.',
    file: 'controller/services/commands/exec-service.ts',
    find: 'if (error instanceof StreamError) return lost(error.message);',
    replace:
      "if (error instanceof StreamError)\n          return resultOf({ exitCode: 0, signal: null, timedOut: false, fault: '', durationMs: 0 }, output, 'utf8');",
    foundBy: { seed: 2 },
  },
  'use that wakes nobody': {
    breaks: 'A use wakes a session that rests.',
    file: 'controller/domain/sessions/commands/begin-use.ts',
    find: "(wakes ? desiring(next, 'running', 0, now) : row)",
    replace: 'row',
    foundBy: { seed: 2 },
  },
  'wake unheard': {
    breaks: 'A use waits for a session until it is up.',
    file: 'controller/services/engine/waiters.ts',
    find: "if (mutation.table === 'sessions') this.#tell(mutation.row.id);",
    replace: '',
    foundBy: { seed: 18 },
  },
} satisfies Readonly<Record<string, Plant>>;
