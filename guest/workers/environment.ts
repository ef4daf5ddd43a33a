import { isReservedSecretName } from '../../proto/secret-names.ts';
import type { Setup } from '../runs/worker-host.ts';

export interface Places {
  readonly sessionId: string;
  /** /session */
  readonly sessionDirectory: string;
  /** /opt/raworc/agents */
  readonly agentsDirectory: string;
  /** The PATH of this process, which agents get too. */
  readonly path: string;
}

/** The kernel's limit for one variable, including its name and terminator. */
const MAX_VARIABLE_BYTES = 128 * 1024 - 1;

const fits = (name: string, value: string) =>
  !value.includes('\0') && Buffer.byteLength(name) + 1 + Buffer.byteLength(value) < MAX_VARIABLE_BYTES;

/**
 * Returns the whole environment of an agent's process; nothing of the guest's environment is passed
 * on. A secret can replace only the first three variables. Secrets with reserved names, or too long
 * for a process, are left out. Python ignores modules that an agent installed below HOME, which all
 * agents share.
 */
export function agentEnvironment(places: Places, setup: Setup): Record<string, string> {
  const { sessionId, sessionDirectory, agentsDirectory, path } = places;
  const secrets = Object.entries(setup.environment).filter(([name, value]) => !isReservedSecretName(name) && fits(name, value));
  return {
    LANG: 'C.UTF-8',
    PYTHONUNBUFFERED: '1',
    PYTHONNOUSERSITE: '1',
    ...Object.fromEntries(secrets),
    PATH: path,
    HOME: `${sessionDirectory}/state`,
    RAWORC_SESSION_ID: sessionId,
    RAWORC_SPACE: setup.space,
    RAWORC_SESSION_DIR: sessionDirectory,
    RAWORC_AGENTS_DIR: agentsDirectory,
    RAWORC_WORKSPACE_DIR: `${sessionDirectory}/workspace`,
    RAWORC_STATE_DIR: `${sessionDirectory}/state`,
    RAWORC_CACHE_DIR: `${sessionDirectory}/cache`,
  };
}
