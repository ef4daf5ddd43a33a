import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../../seams/clock.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

/** Longest headers of a program's answer. */
export const MAX_ANSWER_HEADER_BYTES = 32 * 1024;
const MAX_ANSWER_HEADERS = 500;
/** Interim answers (1xx) of a program. */
const MAX_INTERIM = 8;
/** A request ends if nothing of its body and its answer's body moves for this long; headers count once complete. */
export const IDLE_MS = 600_000;

/** For a program whose answer is complete to close its connection. */
const CLOSE_WITHIN_MS = 5000;

export interface Asked {
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly target: string;
  readonly headers: readonly string[];
  readonly isUpgrade: boolean;
}

/** What a program answered: the head, and the body or the connection behind it. */
export interface Answered {
  readonly head: IncomingMessage;
  /** The connection, if the program switched to the protocol that was asked for. */
  readonly switched: { readonly connection: Duplex; readonly first: Buffer } | undefined;
}

export interface Exchange {
  readonly request: ClientRequest;
  /** Resolves once the head of the answer is complete. */
  readonly answered: Promise<Outcome<Answered>>;
  /** Call for each piece that moves. */
  moved(): void;
  /** Ends the exchange and its connection. */
  end(): void;
}

/** Begins an HTTP/1.1 exchange with the program at the other end of a connection of its own. */
export function beginExchange(connection: Duplex, { method, target, headers, isUpgrade }: Asked, clock: Clock): Exchange {
  const asked = request({
    ...{ method, path: target, headers, setHost: false, maxHeaderSize: MAX_ANSWER_HEADER_BYTES },
    createConnection: () => connection,
  });
  asked.maxHeadersCount = MAX_ANSWER_HEADERS;
  let head: IncomingMessage | undefined;
  let isLate = false;
  let timer: Timer;
  // Destroying a request with an answer would end that answer as if it were complete.
  const cut = () => {
    timer.cancel();
    connection.destroy();
    if (head === undefined) asked.destroy();
  };
  const end = () => {
    if (head?.complete !== true) return cut();
    // The program closes its side once it has read ours.
    connection.end();
    timer.cancel();
    timer = clock.after(CLOSE_WITHIN_MS, cut);
  };
  const moved = () => {
    timer?.cancel();
    timer = clock.after(IDLE_MS, () => {
      isLate = true;
      cut();
    });
  };
  moved();
  connection.once('close', () => timer.cancel());
  const answered = new Promise<Outcome<Answered>>((resolve) => {
    let interim = 0;
    const answeredWith = (answered: Answered) => {
      head = answered.head;
      resolve(accepted(answered));
    };
    asked.on('information', () => {
      interim += 1;
      if (interim > MAX_INTERIM) cut();
    });
    asked.once('response', (answer) => answeredWith({ head: answer, switched: undefined }));
    // Without a listener, Node.js ends a connection that switches to what nobody asked for.
    if (isUpgrade) asked.once('upgrade', (answer, _socket, first) => answeredWith({ head: answer, switched: { connection, first } }));
    asked.on('error', (error) => {
      resolve(badAnswer(error, isLate));
      connection.destroy();
    });
    asked.once('close', () => resolve(badAnswer(undefined, isLate)));
  });
  return { request: asked, answered, moved, end };
}

/** Passes an answer on. Resolves when it is over, whole or not. */
export async function passAnswer(
  { request: asked, moved, end }: Exchange,
  { head }: Answered,
  res: ServerResponse,
  headers: readonly (readonly [name: string, value: string])[],
): Promise<void> {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  for (const name of names) if (name !== 'content-security-policy') res.removeHeader(name);
  for (const [name, value] of headers) res.appendHeader(name, value);
  res.statusCode = head.statusCode ?? 502;
  await new Promise<void>((resolve) => {
    res.once('close', () => {
      end();
      resolve();
    });
    // The client must see that the answer is not complete.
    const cut = () => {
      if (!head.complete) res.destroy();
    };
    head.once('error', cut);
    head.once('aborted', cut);
    asked.on('error', cut);
    head.on('data', moved);
    head.pipe(res);
    res.flushHeaders();
    if (res.destroyed) {
      end();
      resolve();
    }
  });
}

function badAnswer(error: (Error & { readonly code?: string }) | undefined, isLate: boolean): Outcome<never> {
  const how =
    error?.code === 'HPE_HEADER_OVERFLOW'
      ? `sent more than ${MAX_ANSWER_HEADER_BYTES / 1024} KiB of headers`
      : error?.code?.startsWith('HPE_') === true
        ? 'did not answer with HTTP'
        : isLate
          ? 'did not answer within ten minutes'
          : 'closed the connection before it answered';
  return refused('UNAVAILABLE', `The program on this port ${how}.`, { reason: 'port_answer' });
}
