import type { Setup } from '../worker-host.ts';

export interface Places {
  readonly sessionId: string;
  /** /session */
  readonly sessionDirectory: string;
  /** /opt/raworc/agents */
  readonly agentsDirectory: string;
  /** Where programs are looked for, of this process and of agents. */
  readonly path: string;
}

/** All that an agent's process finds in its environment. Nothing of the guest's own is handed on; no secret replaces a RAWORC_ variable. */
export function agentEnvironment(places: Places, setup: Setup): Record<string, string> {
  const { sessionId, sessionDirectory, agentsDirectory, path } = places;
  return {
    PATH: path,
    HOME: `${sessionDirectory}/state`,
    LANG: 'C.UTF-8',
    PYTHONUNBUFFERED: '1',
    ...setup.environment,
    RAWORC_SESSION_ID: sessionId,
    RAWORC_SPACE: setup.space,
    RAWORC_SESSION_DIR: sessionDirectory,
    RAWORC_AGENTS_DIR: agentsDirectory,
    RAWORC_WORKSPACE_DIR: `${sessionDirectory}/workspace`,
    RAWORC_STATE_DIR: `${sessionDirectory}/state`,
    RAWORC_CACHE_DIR: `${sessionDirectory}/cache`,
  };
}
