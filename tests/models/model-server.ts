/** A server that speaks both model APIs, with everything that can go wrong on them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export const APIS = ['anthropic', 'openai'] as const;
export type Api = (typeof APIS)[number];

/** A request as the server saw it. */
export interface Asked {
  readonly api: Api;
  readonly key: string | undefined;
  readonly model: string;
  readonly system: string;
  readonly turns: readonly { readonly role: string; readonly content: string }[];
  /** Names that the tool allows; empty without a tool. */
  readonly agents: readonly string[];
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the model says: pieces of text, then a call of the tool. */
export interface Said {
  readonly text?: readonly string[];
  readonly agent?: string;
  /** The tool's name and input, if not a choice of `agent`. */
  readonly call?: { readonly name: string; readonly input: string };
  readonly end?: 'complete' | 'cut' | 'refused';
  readonly refusal?: string;
  /** Not as a stream. */
  readonly whole?: boolean;
  /** Ends the connection after the text, as a crash would. */
  readonly breaks?: boolean;
  /** Sends this instead of the end, and the error that goes with it. */
  readonly error?: string;
  /** Keeps the stream open after the end. */
  readonly stays?: boolean;
}

/** Answers by itself. Resolves once it sends nothing more. */
export type Raw = (response: ServerResponse, asked: Asked) => Promise<void> | void;
export type Answer = Said | Raw;

export interface ModelServer {
  readonly origin: string;
  readonly port: number;
  readonly asked: Asked[];
  /** Returns the base URL of an API. */
  base(api: Api): string;
  close(): Promise<void>;
}

/** `answer` decides about each request. */
export async function modelServer(
  answer: (asked: Asked, count: number) => Answer,
  { host = '127.0.0.1', tls }: { readonly host?: string; readonly tls?: { readonly key: string; readonly cert: string } } = {},
): Promise<ModelServer> {
  const asked: Asked[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response).catch((fault: unknown) => response.destroy(fault instanceof Error ? fault : undefined));
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const api = request.url === '/v1/messages' ? 'anthropic' : request.url === '/v1/chat/completions' ? 'openai' : undefined;
    if (api === undefined || request.method !== 'POST') return void response.writeHead(404).end('{"error":{"message":"no such path"}}');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const one = readAsked(api, request, JSON.parse(Buffer.concat(chunks).toString()));
    asked.push(one);
    const said = answer(one, asked.length);
    if (typeof said === 'function') await said(response, one);
    else if (said.whole === true) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(wholeOf(api, said)));
    else await stream(api, said, response);
  };
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const bound = (server.address() as AddressInfo).port;
  const origin = `http${tls === undefined ? '' : 's'}://${host}:${bound}`;
  return {
    origin,
    port: bound,
    asked,
    base: (api) => (api === 'openai' ? `${origin}/v1` : origin),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Fails with a status and the JSON that both APIs give with it. */
export const fails =
  (status: number, message = 'it failed', headers: Readonly<Record<string, string>> = {}): Raw =>
  (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ error: { type: 'x', message } }));

// biome-ignore lint/suspicious/noExplicitAny: bodies of two APIs, in a test
function readAsked(api: Api, request: IncomingMessage, body: any): Asked {
  const isOpenAi = api === 'openai';
  const [first, ...rest] = body.messages;
  return {
    ...{ api, body, model: body.model },
    key: isOpenAi ? request.headers.authorization?.replace('Bearer ', '') : request.headers['x-api-key']?.toString(),
    system: isOpenAi ? first.content : body.system,
    turns: isOpenAi ? rest : body.messages,
    agents: (isOpenAi ? body.tools?.[0].function.parameters : body.tools?.[0].input_schema)?.properties.agent.enum ?? [],
  };
}

const callOf = ({ agent, call }: Said) =>
  call ?? (agent === undefined ? undefined : { name: 'hand_over', input: JSON.stringify({ agent }) });
const ENDS = {
  anthropic: { complete: 'end_turn', cut: 'max_tokens', refused: 'refusal' },
  openai: { complete: 'stop', cut: 'length', refused: 'content_filter' },
} as const;

function wholeOf(api: Api, said: Said) {
  const call = callOf(said);
  const text = (said.text ?? []).join('');
  const end = ENDS[api][said.end ?? 'complete'];
  if (api === 'anthropic') {
    const blocks = [
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...(call === undefined ? [] : [{ type: 'tool_use', id: 't', name: call.name, input: JSON.parse(call.input) }]),
    ];
    return { type: 'message', role: 'assistant', content: blocks, stop_reason: call === undefined ? end : 'tool_use' };
  }
  const calls =
    call === undefined ? {} : { tool_calls: [{ id: 't', type: 'function', function: { name: call.name, arguments: call.input } }] };
  const message = { role: 'assistant', content: text === '' ? null : text, refusal: said.refusal ?? null, ...calls };
  return { object: 'chat.completion', choices: [{ index: 0, message, finish_reason: call === undefined ? end : 'tool_calls' }] };
}

/** Lets the receiver read each part by itself. */
const pausing = () => new Promise((resolve) => setImmediate(resolve));

async function stream(api: Api, said: Said, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  const parts = api === 'anthropic' ? messageEvents(said) : chunks(said);
  for (const part of parts) {
    // Cut where no event ends: readers must join.
    const half = Math.floor(part.length / 2);
    response.write(part.slice(0, half));
    await pausing();
    response.write(part.slice(half));
  }
  if (said.breaks === true) response.destroy();
  else if (said.stays !== true) response.end();
}

const event = (value: Readonly<Record<string, unknown>>) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;

function messageEvents(said: Said): string[] {
  const call = callOf(said);
  const parts = [event({ type: 'message_start' }), ': a comment\n\n', event({ type: 'ping' })];
  const add = (value: Readonly<Record<string, unknown>>) => parts.push(event(value));
  if (said.text !== undefined) {
    add({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } });
    for (const text of said.text) add({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
    add({ type: 'content_block_stop', index: 0 });
  }
  if (said.breaks === true) return parts;
  if (said.error !== undefined) return [...parts, event({ type: 'error', error: { type: 'overloaded_error', message: said.error } })];
  if (call !== undefined) {
    add({ type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 't', name: call.name, input: {} } });
    for (const piece of [call.input.slice(0, 4), call.input.slice(4)])
      add({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: piece } });
    add({ type: 'content_block_stop', index: 1 });
  }
  const stop = call === undefined ? ENDS.anthropic[said.end ?? 'complete'] : 'tool_use';
  add({ type: 'message_delta', delta: { stop_reason: stop } });
  add({ type: 'message_stop' });
  return parts;
}

function chunks(said: Said): string[] {
  const call = callOf(said);
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\r\n\r\n`;
  const parts = [chunk({ role: 'assistant', content: '' })];
  for (const content of said.text ?? []) parts.push(chunk({ content }));
  if (said.breaks === true) return parts;
  if (said.error !== undefined) return [...parts, `data: ${JSON.stringify({ error: { message: said.error } })}\n\n`];
  if (said.refusal !== undefined) parts.push(chunk({ refusal: said.refusal }));
  if (call !== undefined) {
    parts.push(chunk({ tool_calls: [{ index: 0, id: 't', type: 'function', function: { name: call.name, arguments: '' } }] }));
    for (const piece of [call.input.slice(0, 4), call.input.slice(4)])
      parts.push(chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] }));
  }
  parts.push(chunk({}, call === undefined ? ENDS.openai[said.end ?? 'complete'] : 'tool_calls'));
  return [...parts, 'data: [DONE]\n\n'];
}
