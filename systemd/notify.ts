import { execFile } from 'node:child_process';

type Environment = Readonly<Record<string, string | undefined>>;

export interface NotifyDeps {
  readonly env: Environment;
  /** Calls back once after a time, unless cancelled. */
  readonly after: (ms: number, run: () => void) => { cancel(): void };
  /** Whether the daemon's work goes on. While it does not, the watchdog is not kept alive. */
  readonly isWell?: () => boolean;
  /** Sends assignments to systemd. */
  readonly send?: (assignments: readonly string[]) => void;
}

/**
 * Tells systemd about this daemon, if systemd started it with a unit of Type=notify.
 *
 * From `ready` on it keeps the watchdog alive for as long as the event loop turns and `isWell`: when
 * either hangs, systemd restarts the daemon.
 */
export interface Notifier {
  ready(): void;
  /** Says what the daemon does, for `systemctl status`. Sent from `ready` on. */
  status(text: string): void;
  stopping(): void;
}

export function notifier({ env, after, isWell = () => true, send = viaProgram(env) }: NotifyDeps): Notifier {
  if (env.NOTIFY_SOCKET === undefined) return { ready() {}, status() {}, stopping() {} };
  const isWatched = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(process.pid);
  // Twice in each interval would do. Starting a program can take long on a busy host.
  const everyMs = isWatched ? Number(env.WATCHDOG_USEC ?? 0) / 1000 / 3 : 0;
  let timer: { cancel(): void } | undefined;
  let isReady = false;
  let text: string | undefined;
  const beat = () => {
    if (isWell()) send(['WATCHDOG=1']);
    timer = after(everyMs, beat);
  };
  return {
    ready() {
      isReady = true;
      send(['READY=1', ...(text === undefined ? [] : [`STATUS=${text}`])]);
      if (everyMs > 0) timer = after(everyMs, beat);
    },
    status(now) {
      text = now;
      if (isReady) send([`STATUS=${now}`]);
    },
    stopping() {
      timer?.cancel();
      send(['STOPPING=1']);
    },
  };
}

function viaProgram(env: Environment): (assignments: readonly string[]) => void {
  const needed = { PATH: env.PATH, NOTIFY_SOCKET: env.NOTIFY_SOCKET };
  // A failure shows as a missing notification, which systemd acts on.
  return (assignments) => void execFile('systemd-notify', [...assignments], { env: needed, timeout: 20_000 }, () => undefined);
}
