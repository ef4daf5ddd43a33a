import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../seams/clock.ts';
import { drained } from '../../../seams/drained.ts';
import type { Log } from '../../../seams/log.ts';
import type { Refusal } from '../../domain/engine/outcome.ts';
import type { Budgets, Holding } from '../../services/budget/budgets.ts';
import { sendJson } from '../answers.ts';
import { readBody } from '../body.ts';
import { CONNECT_OF, type ConnectCode, ConnectError, HTTP_OF } from '../connect/codes.ts';
import { decodeOnly, encodeEnd, encodeMessage, MAX_MESSAGE_BYTES, parseJson } from '../connect/envelope.ts';
import { type Message, message } from '../connect/fields.ts';
import { messagesIn } from '../connect/messages.ts';
import type { ListenerBounds } from '../exchange.ts';
import { type DataExchange, userIn } from './data-exchange.ts';
import { type SandboxUser, sandboxUser } from './paths.ts';

const DEFAULT_KEEPALIVE_S = 90;
const MOST_KEEPALIVE_S = 3600;
/** A client that streams sends something at least this often. The SDKs' interval of keepalive is 50 s. */
const SILENT_MS = 120_000;
/** A client that sends on after its answer has this long to read it. */
const LINGER_MS = 1000;

/** A call of the Connect protocol. */
export interface Call extends DataExchange {
  readonly request: Message;
  /** Throws a {@link ConnectError} for an unknown one. */
  user(): SandboxUser;
  /** Undefined: the client waits for ever. */
  readonly timeoutMs: number | undefined;
}

/** A call that is answered with messages. */
export interface StreamCall extends Call {
  /** Resolves once more can be sent; false: the client has left. */
  send(message: unknown): Promise<boolean>;
  /** Cuts the connection without an end, as if the server had gone. */
  cut(): void;
}

/** A call with any number of messages, and one answer behind the last. */
export interface InputCall extends DataExchange {
  readonly messages: AsyncIterable<Message>;
}

/** The calls by path, such as `/process.Process/List`. A stream ends when its handler resolves. */
export interface Calls {
  readonly unary: Readonly<Record<string, (call: Call) => Promise<unknown>>>;
  readonly streams: Readonly<Record<string, (call: StreamCall) => Promise<void>>>;
  readonly inputs: Readonly<Record<string, (call: InputCall) => Promise<object>>>;
}

export interface ConnectDeps {
  readonly budgets: Pick<Budgets, 'open'>;
  readonly bounds: Pick<ListenerBounds, 'trustBody'>;
  readonly clock: Clock;
  readonly log: Log;
}

export const refusedCall = ({ code, message: why }: Refusal): ConnectError => new ConnectError(CONNECT_OF[code], why);

/** Answers calls of the Connect protocol with the JSON codec. */
export function connectCalls({ unary, streams, inputs }: Calls, { budgets, bounds, clock, log }: ConnectDeps) {
  async function requestOf({ req }: DataExchange, held: Holding, isStream: boolean): Promise<Message> {
    const body = await readBody(req, { maxBytes: MAX_MESSAGE_BYTES, clock, held });
    if (!body.ok) throw refusedCall(body.refusal);
    return message(isStream ? decodeOnly(body.value) : parseJson(body.value));
  }

  function faultOf(fault: unknown, requestId: string): { readonly code: ConnectCode; readonly message: string } {
    if (fault instanceof ConnectError) return { code: fault.code, message: fault.message };
    log.error('e2b.fault', { request_id: requestId, fault: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault) });
    return { code: 'internal', message: `Unexpected server error. Quote the request id ${requestId} when you report it.` };
  }

  const callOf = (exchange: DataExchange, request: Message): Call => ({
    ...exchange,
    request,
    user() {
      const name = userIn(exchange.req.headers.authorization);
      if (name === undefined) throw new ConnectError('unauthenticated', 'The Authorization header must be Basic, with a user.');
      return sandboxUser(name);
    },
    timeoutMs: timeoutIn(exchange.req.headers['connect-timeout-ms']),
  });

  async function answerUnary(exchange: DataExchange, handle: (call: Call) => Promise<unknown>): Promise<void> {
    const { res, requestId, payer } = exchange;
    const held = budgets.open('body_bytes', payer);
    try {
      sendJson(res, 200, await handle(callOf(exchange, await requestOf(exchange, held, false))));
    } catch (fault) {
      const error = faultOf(fault, requestId);
      sendJson(res, HTTP_OF[error.code], error);
    } finally {
      held.release();
    }
  }

  async function answerStream(exchange: DataExchange, handle: (call: StreamCall) => Promise<void>): Promise<void> {
    const { res, req, requestId, payer } = exchange;
    // As long as the stream: its request stays in memory.
    const held = budgets.open('body_bytes', payer);
    res.writeHead(200, STREAM_HEADERS);
    const everyMs = keepaliveIn(req.headers['keepalive-ping-interval']) * 1000;
    let timer = clock.after(everyMs, ping);
    function ping() {
      void send(isProcess(exchange) ? { event: { keepalive: {} } } : { keepalive: {} });
    }
    async function send(sent: unknown): Promise<boolean> {
      timer.cancel();
      if (res.destroyed || res.writableEnded) return false;
      timer = clock.after(everyMs, ping);
      if (!res.write(encodeMessage(sent))) await drained(res);
      return !res.destroyed;
    }
    let end: Parameters<typeof encodeEnd>[0] = {};
    try {
      await handle({ ...callOf(exchange, await requestOf(exchange, held, true)), send, cut: () => void res.destroy() });
    } catch (fault) {
      // What the client no longer reads fails for no other reason.
      if (!res.destroyed) end = { error: faultOf(fault, requestId) };
    }
    held.release();
    timer.cancel();
    if (!res.destroyed) res.end(encodeEnd(end));
  }

  async function answerInput(exchange: DataExchange, handle: (call: InputCall) => Promise<object>): Promise<void> {
    const { res, req, requestId, payer } = exchange;
    bounds.trustBody(req);
    res.writeHead(200, STREAM_HEADERS);
    const messages = messagesIn(
      chunksOf(req, clock),
      () => budgets.open('body_bytes', payer),
      ({ refusal }) => refusedCall(refusal),
    );
    let end: Parameters<typeof encodeEnd>[0] = {};
    try {
      res.write(encodeMessage(await handle({ ...exchange, messages })));
    } catch (fault) {
      if (!res.destroyed) end = { error: faultOf(fault, requestId) };
    }
    if (res.destroyed) return;
    res.end(encodeEnd(end));
    if (req.complete) return;
    // The client can be about to end its message. Then its next request comes on the same connection.
    req.resume();
    clock.after(LINGER_MS, () => {
      if (!req.complete) req.socket.destroy();
    });
  }

  /** Returns undefined for a path that is no call. */
  return (exchange: DataExchange): Promise<void> | undefined => {
    const { pathname } = exchange.url;
    if (exchange.req.method !== 'POST') return undefined;
    if (Object.hasOwn(unary, pathname)) return answerUnary(exchange, unary[pathname] as (call: Call) => Promise<unknown>);
    if (Object.hasOwn(streams, pathname)) return answerStream(exchange, streams[pathname] as (call: StreamCall) => Promise<void>);
    if (Object.hasOwn(inputs, pathname)) return answerInput(exchange, inputs[pathname] as (call: InputCall) => Promise<object>);
    return /^\/(process\.Process|filesystem\.Filesystem)\//.test(pathname) ? answerUnary(exchange, unknownCall) : undefined;
  };
}

async function unknownCall({ url }: Call): Promise<never> {
  throw new ConnectError('unimplemented', `Raworc has no call ${url.pathname.slice(0, 200)}.`);
}

const STREAM_HEADERS = { 'Content-Type': 'application/connect+json', 'Cache-Control': 'no-store' } as const;

/** Yields the body as it comes. Throws a {@link ConnectError} when the client is silent for too long. */
async function* chunksOf(req: IncomingMessage, clock: Clock): AsyncGenerator<Buffer, void> {
  // The answer can still be sent when the rest of the body is not read.
  const chunks: AsyncIterator<Buffer> = req.iterator({ destroyOnReturn: false });
  for (;;) {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = clock.after(SILENT_MS, () =>
      reject(new ConnectError('deadline_exceeded', `No message came for ${SILENT_MS / 1000} s. Send keepalive messages.`)),
    );
    try {
      const next = await Promise.race([chunks.next(), late]);
      if (next.done === true) return;
      yield next.value;
    } finally {
      timer.cancel();
    }
  }
}

const isProcess = ({ url }: DataExchange): boolean => url.pathname.startsWith('/process.Process/');

function timeoutIn(sent: string | string[] | undefined): number | undefined {
  const ms = typeof sent === 'string' && /^\d{1,10}$/.test(sent) ? Number(sent) : 0;
  return ms > 0 ? ms : undefined;
}

function keepaliveIn(sent: string | string[] | undefined): number {
  const seconds = typeof sent === 'string' && /^\d{1,9}$/.test(sent) ? Number(sent) : 0;
  return seconds === 0 ? DEFAULT_KEEPALIVE_S : Math.min(seconds, MOST_KEEPALIVE_S);
}
