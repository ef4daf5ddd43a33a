import { DEFAULT_SIZE_RULES, MIN_LIMITS, type SizeRules } from '../domain/sessions/session-sizes.ts';

/** Slots of a space in use whose settings do not say how many. */
const DEFAULT_SLOTS = 2;

/**
 * Reads the size rules of sessions from the controller's environment. Throws for invalid values.
 */
export function readSizeRules(env: Readonly<Record<string, string | undefined>>): SizeRules {
  const { most, maxRatio, memoryOvercommit, diskOvercommit, history } = DEFAULT_SIZE_RULES;
  const number = (name: string, otherwise: number, least: number, whole = true) => {
    const text = env[name];
    if (text === undefined || text === '') return otherwise;
    const value = Number(text);
    if (!/^\d{1,15}(\.\d{1,3})?$/.test(text) || value < least || (whole && !Number.isInteger(value)))
      throw new Error(`${name} must be a ${whole ? 'whole ' : ''}number of at least ${least}, not "${text}"`);
    return value;
  };
  return {
    most: {
      cpuMillis: number('RAWORC_MAX_SESSION_CPU', most.cpuMillis / 1000, MIN_LIMITS.cpuMillis / 1000, false) * 1000,
      memoryBytes: number('RAWORC_MAX_SESSION_MEMORY_BYTES', most.memoryBytes, MIN_LIMITS.memoryBytes),
      diskBytes: number('RAWORC_MAX_SESSION_DISK_BYTES', most.diskBytes, 1),
      processes: number('RAWORC_MAX_SESSION_PROCESSES', most.processes, 1),
    },
    maxRatio: number('RAWORC_MAX_LIMIT_RATIO', maxRatio, 0, false),
    slots: number('RAWORC_SLOTS', DEFAULT_SLOTS, 0, true),
    memoryOvercommit: number('RAWORC_MEMORY_OVERCOMMIT', memoryOvercommit, 0, false),
    history: {
      messages: number('RAWORC_SESSION_HISTORY_MESSAGES', history.messages, 0),
      bytes: number('RAWORC_SESSION_HISTORY_BYTES', history.bytes, 0),
    },
    diskOvercommit: number('RAWORC_DISK_OVERCOMMIT', diskOvercommit, 0, false),
  };
}
