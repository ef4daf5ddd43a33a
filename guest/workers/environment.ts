import { isReservedSecretName } from '../../proto/secret-names.ts';
import type { Setup } from '../runs/worker-host.ts';

export interface Places {
  readonly sessionId: string;
  /** /session */
  readonly sessionDirectory: string;
  /** /opt/raworc/agents */
  readonly agentsDirectory: string;
  /** Where programs are looked for, of this process and of agents. */
  readonly path: string;
}

/** A process can be given no longer string; the kernel counts its name and its end too. */
const MAX_VARIABLE_BYTES = 128 * 1024 - 1;

const fits = (name: string, value: string) =>
  !value.includes('\0') && Buffer.byteLength(name) + 1 + Buffer.byteLength(value) < MAX_VARIABLE_BYTES;

/**
 * All that an agent's process finds in its environment. Nothing of the guest's own is handed on. A secret can replace the first two, but
 * neither where programs are found and files go, nor what Raworc says. Secrets with reserved names, or that no process can be given, are left out.
 * Python does not load what an agent has put below HOME for all of them.
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
