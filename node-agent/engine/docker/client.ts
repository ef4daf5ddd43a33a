import Docker from 'dockerode';
import { z } from 'zod';
import { messageOf } from '../../../seams/message-of.ts';

/**
 * The API version of Docker 20.10, the oldest tested engine. For a newer engine that has dropped
 * it, the oldest version that the engine supports is used.
 */
const API_VERSION = '1.41';
const SHORT_CALL_MS = 90_000;
const PROBE_MS = 2_500;

export interface DockerClients {
  /** For short calls: cut off after 90 s of silence. */
  readonly calls: Docker;
  /** For streams, which can be silent while nothing happens. */
  readonly streams: Docker;
  /** For pings: cut off after 2.5 s. */
  readonly probe: Docker;
}

const versionAnswer = z.object({ Version: z.string(), ApiVersion: z.string(), MinAPIVersion: z.string().optional() });

/**
 * Throws an error for the operator if no engine answers at the socket, or if the engine is too old.
 */
export async function dockerClients(socketPath: string): Promise<DockerClients> {
  // An empty host makes the library ignore DOCKER_HOST, so that only the given socket is used.
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

/** Returns the status and message of the engine's error response; undefined for any other error. */
export function answerOf(error: unknown): { readonly status: number; readonly message: string } | undefined {
  const parsed = refusal.safeParse(error);
  if (!parsed.success) return undefined;
  return { status: parsed.data.statusCode, message: (parsed.data.json?.message ?? messageOf(error)).trim() };
}

/** Returns undefined if the call fails with one of these statuses. */
export async function unless<T>(statuses: readonly number[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (statuses.includes(answerOf(error)?.status ?? 0)) return undefined;
    throw error;
  }
}

/** Rejects as soon as the signal aborts. The engine can still complete the call. */
export function abortable<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
