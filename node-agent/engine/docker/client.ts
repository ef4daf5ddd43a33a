import Docker from 'dockerode';
import { z } from 'zod';
import { messageOf } from '../../../seams/message-of.ts';

/**
 * Of Docker 20.10, the oldest that was tried. A newer engine that dropped it is spoken to in its
 * own oldest version.
 */
const API_VERSION = '1.41';
const SHORT_CALL_MS = 90_000;
const PROBE_MS = 2_500;

export interface DockerClients {
  /** For short calls: one that is silent for 90 s is cut off. */
  readonly calls: Docker;
  /** For streams, which may be silent for as long as nothing happens. */
  readonly streams: Docker;
  /** For pings: one that is not answered within 2.5 s is cut off. */
  readonly probe: Docker;
}

const versionAnswer = z.object({ Version: z.string(), ApiVersion: z.string(), MinAPIVersion: z.string().optional() });

/** Throws a sentence for the operator when no engine answers at the socket, or it is too old. */
export async function dockerClients(socketPath: string): Promise<DockerClients> {
  // An empty host keeps DOCKER_HOST out of it: only the socket that was named is used.
  const options = { socketPath, host: '' };
  const asked = await new Docker({ ...options, timeout: SHORT_CALL_MS }).version().catch((error: unknown) => {
    throw new Error(`Docker does not answer at ${socketPath}: ${messageOf(error)}`);
  });
  const { Version, ApiVersion, MinAPIVersion } = versionAnswer.parse(asked);
  if (isOlder(ApiVersion, API_VERSION)) throw new Error(`Docker ${Version} is too old: Raworc needs 20.10 or newer`);
  const version = `v${MinAPIVersion !== undefined && isOlder(API_VERSION, MinAPIVersion) ? MinAPIVersion : API_VERSION}`;
  const client = (timeout?: number) => new Docker({ ...options, version, ...(timeout === undefined ? {} : { timeout }) });
  return { calls: client(SHORT_CALL_MS), streams: client(), probe: client(PROBE_MS) };
}

function isOlder(a: string, b: string): boolean {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor !== bMajor ? aMajor < bMajor : aMinor < bMinor;
}

const refusal = z.object({ statusCode: z.number(), json: z.object({ message: z.string() }).optional().catch(undefined) });

/** Returns status and message of an engine's answer; undefined for any other fault. */
export function answerOf(error: unknown): { readonly status: number; readonly message: string } | undefined {
  const parsed = refusal.safeParse(error);
  if (!parsed.success) return undefined;
  return { status: parsed.data.statusCode, message: (parsed.data.json?.message ?? messageOf(error)).trim() };
}

/** `undefined` in place of one of these statuses. */
export async function unless<T>(statuses: readonly number[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (statuses.includes(answerOf(error)?.status ?? 0)) return undefined;
    throw error;
  }
}

/** Rejects as soon as the signal aborts. The call itself may go on in the engine. */
export function abortable<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
