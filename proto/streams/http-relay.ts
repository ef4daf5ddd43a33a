import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';

/** Headers that concern one connection, or the caller's own credentials. */
const OWN: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Returns the headers that a relay passes on. */
export const relayedHeaders = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.has(name)));

export interface Relayed {
  /** Called with the response, before it is passed on. Returns the headers to pass on. */
  answered?(response: IncomingMessage): IncomingHttpHeaders;
  /** Returns a stream through which a body passes, of the request or of the response. */
  through?(): Duplex;
  /** Called if there is no response, before anything was sent. */
  failed(error: Error): void;
}

/**
 * Sends the body of `request` to `onward`, and its response to `response`, no faster than the
 * slower side reads. If either side fails, both end.
 */
export function relayHttp(request: IncomingMessage, response: ServerResponse, onward: ClientRequest, relayed: Relayed): void {
  let isAnswered = false;
  const upward = relayed.through?.();
  const fail = (error: Error) => {
    onward.destroy();
    if (isAnswered || response.headersSent) return void response.destroy();
    if (response.destroyed) return;
    isAnswered = true;
    request.unpipe();
    request.resume();
    relayed.failed(error);
  };
  onward.on('error', fail);
  onward.on('response', (answer) => {
    if (isAnswered) return void answer.destroy();
    isAnswered = true;
    // A refusal before the end of the body: nobody needs the rest, but a caller whose connection
    // closes while it still sends would lose the answer.
    if (!request.complete && (answer.statusCode ?? 0) >= 400) {
      request.unpipe();
      request.resume();
    }
    const headers = relayed.answered?.(answer) ?? answer.headers;
    response.writeHead(answer.statusCode ?? 502, relayedHeaders(headers));
    const ended = (error: Error | null | undefined) => {
      if (error != null) onward.destroy();
    };
    const through = relayed.through?.();
    if (through === undefined) pipeline(answer, response, ended);
    else pipeline(answer, through, response, ended);
  });
  response.once('close', () => {
    if (!response.writableFinished) onward.destroy();
  });
  request.once('error', fail);
  if (upward === undefined) request.pipe(onward);
  else request.pipe(upward).pipe(onward);
}
