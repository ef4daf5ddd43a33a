import { type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';

/** The registry behind the proxy. */
export interface Upstream {
  /** Whether the registry answered lately. */
  readonly isUp: boolean;
  /** Brings what requests to a path need first. @throws if the registry cannot be asked. */
  prepare?(path: string): Promise<void>;
  /** The registry refused the controller's credentials for a path. */
  unauthorized?(path: string): void;
  /** Begins a request with the controller's own credentials. Its errors come as events. */
  request(method: string, path: string, headers: IncomingHttpHeaders): ClientRequest;
  /** Returns where a client finds what the registry calls so, in a Location header. */
  located(location: string): string;
}

/** A registry that does not answer for so long is considered stuck. */
export const SILENT_MS = 120_000;

/** Requests to a registry that listens on a Unix socket, which only its owner can open. */
export function socketRequest(socketPath: string, method: string, path: string, headers: IncomingHttpHeaders): ClientRequest {
  const made = request({ socketPath, method, path, headers: { host: 'registry', ...headers, connection: 'close' }, agent: false });
  made.setTimeout(SILENT_MS, () => made.destroy(new Error(`the registry was silent for ${SILENT_MS / 1000} s`)));
  return made;
}
