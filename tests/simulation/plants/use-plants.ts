import type { Plant } from './plant.ts';

/** Faults in how sessions are used: commands, their streams, waking and idling. */
export const USE_PLANTS = {
  'end before the output': {
    breaks: 'The end of a command comes after all that it printed.',
    file: 'guest/streams/exec.ts',
    find: 'await Promise.race([passed, ended]);',
    replace: 'await ended;\n  isOver = true;',
    foundBy: { seed: 14 },
  },
  'loss as an end': {
    breaks: 'A command whose end did not come has no result.',
    file: 'controller/services/commands/exec-service.ts',
    find: 'if (error instanceof StreamError) return lost(error.message);',
    replace:
      "if (error instanceof StreamError)\n          return resultOf({ exitCode: 0, signal: null, timedOut: false, fault: '', durationMs: 0 }, output, 'utf8');",
    foundBy: { seed: 14 },
  },
  'use that wakes nobody': {
    breaks: 'A use wakes a session that rests.',
    file: 'controller/domain/sessions/commands/begin-use.ts',
    find: "(wakes ? desiring(next, 'running', 0, now) : row)",
    replace: 'row',
    foundBy: { seed: 6 },
  },
} satisfies Readonly<Record<string, Plant>>;

/** Faults in the processes that guests keep. */
export const PROCESS_PLANTS = {
  'exit before the output': {
    breaks: 'The exit of a process comes after its output.',
    file: 'guest/processes/kept-process.ts',
    find: 'isAtEnd: () => this.#isOver && reader.position >= this.ring.end,',
    replace: 'isAtEnd: () => this.#end !== undefined,',
    foundBy: { seed: 14 },
  },
  'attached elsewhere': {
    breaks: 'An attachment begins at the byte that was asked for.',
    file: 'guest/processes/kept-process.ts',
    find: 'position: Math.min(offset ?? this.ring.end, this.ring.end),',
    replace: 'position: this.ring.start,',
    foundBy: { seed: 18 },
  },
} satisfies Readonly<Record<string, Plant>>;
