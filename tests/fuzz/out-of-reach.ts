import type { Operation } from '../contract/document.ts';

export interface Reason {
  readonly why: string;
  /** False: it may come all the same, by load. */
  readonly isCertain: boolean;
}

/** Why a client alone cannot cause this answer; undefined where it can. The one place where such answers are listed. */
export function reasonOutOfReach({ name, method, path }: Operation, status: number): Reason | undefined {
  if (status === 500) return { why: 'a fault of the server', isCertain: true };
  if (status === 503 && path === '/health') return { why: 'the store cannot be read', isCertain: true };
  if (status === 409 && name === 'POST /nodes/tokens') return { why: 'it takes a thousand valid join tokens', isCertain: false };
  if (path.endsWith('/logs') && status === 503) return { why: 'the node of a session that is up is away', isCertain: false };
  if (path.endsWith('/logs') && status === 429) return { why: 'it takes many that read logs at once', isCertain: false };
  if (status === 503 && method === 'GET' && !path.endsWith('/orphans'))
    return { why: 'the reading thread has just ended', isCertain: false };
  if (status === 503 && !path.startsWith('/sessions') && !path.startsWith('/nodes/{id}'))
    return { why: 'the disk of the controller is low', isCertain: false };
  if (status === 101) return { why: 'it takes a WebSocket', isCertain: false };
  if (status === 503 && USES.test(path)) return { why: 'the way to the session is lost meanwhile', isCertain: false };
  if (status === 409 && LOOKS.test(name)) return { why: 'the session fails or stops meanwhile', isCertain: false };
  if (path.endsWith('/share') && status < 300) return { why: 'it takes a preview domain', isCertain: false };
  if (path.endsWith('/share') && status === 403) return { why: 'it takes a preview domain', isCertain: false };
  if (status === 403 && name === 'POST /tickets') return { why: 'it takes a ticket of a caller who may not be known', isCertain: false };
  if (path.endsWith('/files') && (status === 507 || status === 413 || status === 415 || FILE_ANSWERS.has(`${method} ${status}`)))
    return { why: 'it takes a full disk, another user inside, or a file that cannot hold it', isCertain: false };
  if (status === 429 && method === 'GET') return { why: 'it takes more requests than a budget allows', isCertain: false };
  if (status === 429 && !LIMITED.has(name)) return { why: 'it takes 10,000 commands that wait at once', isCertain: false };
  return undefined;
}

/** What a session is used for, over a stream to its guest. */
const USES = /^\/sessions\/\{id\}\/(exec|processes|ports|files)/;
const FILE_ANSWERS: ReadonlySet<string> = new Set(['POST 403', 'PUT 422']);
const LOOKS = /^GET \/sessions\/\{id\}\/(processes\/\{process_id\}|ports)/;

/** Where guessing, or too much of one thing, is refused. */
const LIMITED: ReadonlySet<string> = new Set(['POST /auth/login', 'PUT /service-accounts/{id}/password', 'POST /sessions/{id}/messages']);
