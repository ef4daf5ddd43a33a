import type { Environment } from './environment.ts';
import type { ExecCommand, ExecPart } from './exec.ts';
import type { Operations } from './generated/operations.gen.ts';

export interface RunOptions {
  /** Default: `default`. */
  readonly space?: string;
  readonly profile?: 'locked' | 'workstation';
  /** Name of an image that the space allows. */
  readonly image?: string;
  /** Kills the command, and removes its session. */
  readonly signal?: AbortSignal;
}

/** The client, as far as it is needed here. */
export interface Runner {
  readonly sessions: Pick<Operations['sessions'], 'create' | 'delete'>;
  waitFor(session: string, wanted: 'idle', options: { readonly signal?: AbortSignal; readonly timeoutMs: number }): Promise<unknown>;
  exec(session: string, command: ExecCommand, options: { readonly signal?: AbortSignal }): AsyncGenerator<ExecPart, void>;
}

/** How long a session that nobody uses any more stays, if this process dies. */
const LEFT_BEHIND_S = 60;
/** An image can have to be made or pulled first. */
const START_WITHIN_MS = 15 * 60_000;
const REMOVE_WITHIN_MS = 10_000;
const DEFAULT_TIMEOUT_MS = 3_600_000;

/**
 * Runs a command in a session of its own, yields its output as it comes, and its exit last. The
 * session is removed afterwards, however the command ends; leaving the loop early kills it.
 */
export async function* runParts(
  raworc: Runner,
  { after }: Pick<Environment, 'after'>,
  { timeout_ms = DEFAULT_TIMEOUT_MS, ...command }: ExecCommand,
  { space = 'default', profile, image, signal }: RunOptions,
): AsyncGenerator<ExecPart, void> {
  signal?.throwIfAborted();
  const ttlS = Math.ceil((timeout_ms + START_WITHIN_MS) / 1000) + LEFT_BEHIND_S;
  const { id } = await raworc.sessions.create({
    space,
    ...(profile === undefined ? {} : { profile }),
    ...(image === undefined ? {} : { image }),
    timeouts: { idle_delete_s: LEFT_BEHIND_S, ttl_s: ttlS },
  });
  const given = signal === undefined ? {} : { signal };
  try {
    await raworc.waitFor(id, 'idle', { ...given, timeoutMs: START_WITHIN_MS });
    yield* raworc.exec(id, { ...command, timeout_ms }, given);
  } finally {
    const late = new AbortController();
    const cancel = after(REMOVE_WITHIN_MS, () => late.abort());
    // If this fails, the session's own timeouts remove it.
    await raworc.sessions.delete(id, { signal: late.signal }).catch(() => undefined);
    cancel();
  }
}
