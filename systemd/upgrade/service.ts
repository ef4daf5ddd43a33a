import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface ServiceState {
  /** It said that it is ready, and runs. */
  readonly isActive: boolean;
  /** How often systemd has restarted it by itself. */
  readonly restarts: number;
  /** What it says of itself. */
  readonly status: string;
}

/** A daemon as systemd runs it. */
export interface Service {
  /** Resolves once it is ready, or with false if it does not become ready in this time. */
  restart(withinMs: number): Promise<boolean>;
  state(): Promise<ServiceState>;
}

const SHOW_MS = 20_000;

export function systemdService(unit: string): Service {
  const systemctl = (args: readonly string[], timeout: number) => promisify(execFile)('systemctl', [...args], { timeout });
  return {
    // Only systemctl ends when the time is up, not the start that it waits for: a later restart replaces that.
    restart: (withinMs) =>
      systemctl(['restart', unit], withinMs).then(
        () => true,
        () => false,
      ),
    state: () =>
      systemctl(['show', '--property=ActiveState,NRestarts,StatusText', unit], SHOW_MS).then(
        ({ stdout }) => serviceState(stdout),
        () => serviceState(''),
      ),
  };
}

/** Reads the output of `systemctl show`. */
export function serviceState(text: string): ServiceState {
  const properties = new Map(text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  return {
    isActive: properties.get('ActiveState') === 'active',
    restarts: Number(properties.get('NRestarts') ?? 0),
    status: properties.get('StatusText') ?? '',
  };
}
