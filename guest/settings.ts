import { dirname } from 'node:path';
import type { User } from './workers/user.ts';

/** The user of agents in a container. The image needs no account for it. */
const AGENT_UID = 10001;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Settings {
  readonly sessionId: string;
  readonly socket: string;
  readonly sessionDirectory: string;
  readonly agentsDirectory: string;
  readonly path: string;
  readonly user: User | undefined;
  readonly barriers: string | undefined;
  readonly runLimitMs: number;
  readonly processes: number | undefined;
  /** Whether the session is a workstation, in which commands run as `user` or root. */
  readonly isWorkstation: boolean;
}

/**
 * Reads RAWORC_SESSION_ID and, with the values in a container as defaults: RAWORC_SOCKET,
 * RAWORC_SESSION_DIR, RAWORC_AGENTS_DIR, RAWORC_RUN_LIMIT_S, RAWORC_PROCESSES (the limit of all
 * agents, in a container with a higher one; unset: no limit), RAWORC_PROFILE and RAWORC_AGENT_UID
 * (`self`, outside a container: agents run as the user of this process).
 */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const sessionId = environment.RAWORC_SESSION_ID;
  if (!sessionId) throw new Error('RAWORC_SESSION_ID is not set');
  const uid = environment.RAWORC_AGENT_UID === 'self' ? undefined : numberOf(environment.RAWORC_AGENT_UID, AGENT_UID);
  return {
    sessionId,
    socket: environment.RAWORC_SOCKET ?? '/run/raworc/guest.sock',
    sessionDirectory: environment.RAWORC_SESSION_DIR ?? '/session',
    agentsDirectory: environment.RAWORC_AGENTS_DIR ?? '/opt/raworc/agents',
    // Agents can use the guest's Node.js if the image has none.
    path: `${environment.PATH ?? DEFAULT_PATH}:${dirname(process.execPath)}`,
    user: uid === undefined ? undefined : { uid, gid: uid },
    barriers: environment.RAWORC_BARRIERS,
    runLimitMs: numberOf(environment.RAWORC_RUN_LIMIT_S, 300) * 1000,
    processes: numberOf(environment.RAWORC_PROCESSES, 0) || undefined,
    isWorkstation: environment.RAWORC_PROFILE === 'workstation',
  };
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new Error(`${text} is not a positive whole number`);
  return value;
}
