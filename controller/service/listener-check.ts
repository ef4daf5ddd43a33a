import { connect } from 'node:tls';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';

/** So many checks fail in a row before the controller counts as hung. */
export const FAILED_CHECKS = 5;

export interface ListenerCheckOptions {
  /** Resolves with whether the listeners answer. Always resolves, within `everyMs`. */
  readonly probe: () => Promise<boolean>;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ListenerCheck {
  /** False once the listeners have answered before, and then not in {@link FAILED_CHECKS} checks. */
  isWell(): boolean;
  close(): void;
}

/**
 * Checks again and again that node agents could connect, from this process to itself. So neither a
 * partition nor absent nodes matter. Failures are counted, not timed: after a pause of the machine
 * one check fails, and the next one passes. A check that has never passed proves nothing, because a
 * firewall can keep the controller from itself.
 */
export function checkListeners({ probe, everyMs, clock, log }: ListenerCheckOptions): ListenerCheck {
  const ending = new AbortController();
  let hasPassed = false;
  let failed = 0;
  const run = async () => {
    while (!ending.signal.aborted) {
      const passes = await probe();
      hasPassed ||= passes;
      failed = passes ? 0 : failed + 1;
      if (failed > 0) log.warn('link.check_failed', { in_a_row: failed, has_passed: hasPassed });
      await pause(clock, everyMs, ending.signal);
    }
  };
  void run();
  return {
    isWell: () => !hasPassed || failed < FAILED_CHECKS,
    close: () => ending.abort(),
  };
}

/**
 * Resolves with whether the port at this address answers within the time: by completing TLS, or by
 * closing the connection, as a listener does that refuses one. Sends no certificate and no request.
 */
export function answers(host: string, port: number, withinMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    let isConnected = false;
    // It looks whether this process answers, so it has nothing to verify and nothing to hide.
    const socket = connect({ host: reachable(host), port, rejectUnauthorized: false });
    const limit = clock.after(withinMs, () => done(false));
    const done = (hasAnswered: boolean) => {
      limit.cancel();
      socket.destroy();
      resolve(hasAnswered);
    };
    socket.once('connect', () => {
      isConnected = true;
    });
    socket.once('secureConnect', () => done(true));
    socket.on('error', () => done(isConnected));
    socket.once('close', () => done(isConnected));
  });
}

/** An address of this machine on which a listener of `host` listens. */
const reachable = (host: string): string => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);
