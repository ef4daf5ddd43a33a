/**
 * The client of Raworc, for Node.js 20 or newer and for browsers.
 *
 *     const raworc = new Raworc({ url: 'https://raworc.example', apiKey });
 *     const session = await raworc.sessions.create({ space: 'default' }, { wait: '60s' });
 *     const answer = await raworc.send(session.id, 'Hello', { onDelta: (text) => show(text) });
 *     for await (const { id, state } of raworc.sessions.all()) console.log(id, state);
 *
 * Each operation of the API is a method of its group: `raworc.agents.deploy(space, agent)`. It
 * takes the parameters of the path, then the body, then the query parameters together with a
 * `signal`. Beside `list`, `all` walks every page.
 *
 * Requests that are safe to repeat are retried, with growing pauses, while the server is busy or
 * does not answer: reads, PUT, DELETE, and creates, which get an idempotency key. Failures throw
 * RaworcError (the server refused) or Unreachable. For a server whose certificate comes from a
 * private CA, set NODE_EXTRA_CA_CERTS to the file of that CA when you start Node.js.
 */
import { Attachment, type AttachOptions } from './attachment.ts';
import { Caller } from './caller.ts';
import { type AnswerPart, Conversation, type SayOptions } from './conversation.ts';
import { type Environment, systemEnvironment } from './environment.ts';
import { type EventFeed, type FeedOptions, openFeed, type Wire } from './event-feed.ts';
import { type ExecCommand, type ExecPart, execParts } from './exec.ts';
import { SessionFiles } from './files.ts';
import { Operations } from './generated/operations.gen.ts';
import type { Message, Process, Session } from './generated/types.gen.ts';
import { enterPreview, type PortSocket, portSocket } from './port-socket.ts';
import { PATIENT, type RetryPolicy } from './retry.ts';
import { type RunOptions, runParts } from './run.ts';
import { type Credentials, RenewingTokens } from './token.ts';
import { Transport } from './transport.ts';
import { type Wanted, waitForSession } from './wait-for.ts';

export interface RaworcOptions {
  /**
   * The server's address, such as http://127.0.0.1:9000; empty in a page that the server itself
   * delivered.
   */
  readonly url: string;
  /**
   * A token of a login. Give one of token, apiKey and login. A token is renewed shortly before it
   * expires; with a user name and password the client logs in when needed.
   */
  readonly token?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly login?: { readonly user: string; readonly pass: string } | undefined;
  /** Retries for 30 seconds unless set otherwise. */
  readonly retry?: Partial<RetryPolicy>;
  /** Aborts everything the client does. */
  readonly signal?: AbortSignal;
  /** For tests: clock, randomness and network. */
  readonly environment?: Partial<Environment>;
}

export interface FollowLogs {
  readonly session_id?: string;
  readonly run_id?: string;
  readonly log_type?: 'stdout' | 'stderr' | 'all';
  /** RFC 3339. */
  readonly since?: string;
  /** Number of newest lines to begin with. Default 100. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export class Raworc extends Operations {
  readonly #wire: Wire;

  constructor(options: RaworcOptions) {
    const environment = { ...systemEnvironment, ...options.environment };
    const policy = { ...PATIENT, ...options.retry };
    const signal = options.signal ?? new AbortController().signal;
    const transport = new Transport({ url: options.url.replace(/\/+$/, ''), environment, policy, signal });
    const tokens = new RenewingTokens(credentialsIn(options), transport, environment);
    super(new Caller(transport, tokens, environment));
    this.#wire = { transport, tokens, environment };
  }

  /**
   * Follows the events of one session, or of all that the caller can see, from now on or after
   * `lastEventId`. Resolves once the server has accepted the stream, so that no effect of a later
   * call is missed. Reconnects by itself.
   */
  events({ session, ...options }: FeedOptions & { readonly session?: string | undefined } = {}): Promise<EventFeed> {
    return openFeed(this.#wire, session === undefined ? '/events' : `/sessions/${encodeURIComponent(session)}/events`, options);
  }

  /**
   * Follows the output of an agent in running sessions, or in one session, beginning with its
   * newest `limit` lines (100). Lines printed while the stream is interrupted are missing;
   * `agents.getLogs` returns them.
   */
  followLogs(space: string, agent: string, { signal, ...query }: FollowLogs = {}): Promise<EventFeed> {
    return this.#followLogs(`/spaces/${encodeURIComponent(space)}/agents/${encodeURIComponent(agent)}/logs`, query, signal);
  }

  /** The same for all agents of a space, or one. Sessions that start later are followed too. */
  followSpaceLogs(space: string, { signal, ...query }: FollowLogs & { readonly agent?: string } = {}): Promise<EventFeed> {
    return this.#followLogs(`/spaces/${encodeURIComponent(space)}/logs`, query, signal);
  }

  #followLogs(path: string, { limit = 100, ...query }: Omit<FollowLogs, 'signal'>, signal: AbortSignal | undefined): Promise<EventFeed> {
    return openFeed(this.#wire, `${path}?${new URLSearchParams({ follow: 'true', limit: String(limit), ...query })}`, { signal });
  }

  /**
   * Follows the log of a build from its first line on, or after `lastEventId`. Ends after an item of
   * type `end`, once the build has ended. Reconnects by itself, and no line is missing.
   */
  followBuildLog(space: string, build: string, options: FeedOptions = {}): Promise<EventFeed> {
    return openFeed(this.#wire, `/spaces/${encodeURIComponent(space)}/build/${encodeURIComponent(build)}/logs?follow=true`, options);
  }

  /**
   * Resolves with the session once it is in the wanted state, or the function returns true. It
   * follows events and never polls. Throws NothingToCome if the session is deleted, or fails while
   * waiting for another state; TimeoutError after `timeoutMs`.
   */
  waitFor(session: string, wanted: Wanted, options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<Session> {
    return waitForSession({ sessions: this.sessions, open: (feed) => this.events(feed), ...this.#wire }, session, wanted, options);
  }

  /**
   * Runs a command in a session and yields its output as it comes, and its exit last. Leaving the
   * loop early kills the command. `sessions.exec` returns the whole output at once.
   */
  exec(session: string, command: ExecCommand, { signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ExecPart, void> {
    return execParts(this.#wire, session, command, signal);
  }

  /** The files of a session: read, write, list, watch, upload and download. */
  files(session: string): SessionFiles {
    return new SessionFiles(this.#wire, session);
  }

  /**
   * Runs a command in a session of its own, which is removed afterwards, and yields its output as it
   * comes, and its exit last. Leaving the loop early kills the command.
   */
  run(command: ExecCommand, options: RunOptions = {}): AsyncGenerator<ExecPart, void> {
    return runParts(this, this.#wire.environment, command, options);
  }

  /**
   * Attaches to a process that `processes.start` started. Iterate over the result for its output,
   * and its exit last. It connects again by itself, at the byte where it was.
   */
  attach(session: string, process: Process, options: AttachOptions = {}): Attachment {
    return new Attachment(this.#wire, session, process, options);
  }

  /**
   * Returns how to open a WebSocket that carries one TCP connection to a port of a session. HTTP
   * requests go to an address of the port (`ports.share`).
   */
  portSocket(session: string, port: number): Promise<PortSocket> {
    return portSocket(this, this.#wire.transport.url, session, port);
  }

  /**
   * Exchanges an address that `ports.share` returned, once, for what a program sends with its requests to that
   * origin.
   */
  enterPreview(url: string): Promise<{ readonly origin: string; readonly headers: Record<string, string> }> {
    return enterPreview(this.#wire.environment, url);
  }

  /** Opens a conversation of several messages on one stream. Close it at the end. */
  async converse(session: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Conversation> {
    return new Conversation(this.messages, session, await this.events({ session, ...options }));
  }

  /** Sends one message and yields the answer as it arrives, in pieces and then whole. */
  async *say(session: string, content: string, options: SayOptions = {}): AsyncGenerator<AnswerPart, void> {
    const talk = await this.converse(session, { signal: options.signal });
    try {
      yield* talk.say(content, options);
    } finally {
      await talk.close();
    }
  }

  /**
   * Sends one message and returns the answer. `onDelta` gets pieces as they arrive. They can be
   * incomplete or another text: the answer replaces them. A failure of the agent is an answer too,
   * whose metadata.type is error_response.
   */
  async send(
    session: string,
    content: string,
    { onDelta, ...options }: SayOptions & { readonly onDelta?: (text: string) => void } = {},
  ): Promise<Message> {
    for await (const part of this.say(session, content, options)) {
      if (part.kind === 'answer') return part.message;
      onDelta?.(part.text);
    }
    throw new Error('a conversation ends with an answer or throws');
  }
}

export type { AttachOptions, ProcessCommand, ProcessPart } from './attachment.ts';
export { Attachment } from './attachment.ts';
export type { CallOptions, Keyed } from './caller.ts';
export { CertificateRefused } from './certificate-refused.ts';
export { NothingToCome, RaworcError, Unreachable } from './errors.ts';
export type { BuildLogLine, Delta, EventData, FeedItem, LogLine } from './event-feed.ts';
export { buildIn, buildLogLineIn, deltaIn, logLineIn, messageIn, sessionIn } from './event-feed.ts';
export type { ExecCommand, ExecPart } from './exec.ts';
export type { FileBody, FileChange, FileOptions, FilePath, FileRead, SessionFiles } from './files.ts';
export type {
  Agent,
  ApiKey,
  AuditRecord,
  Build,
  Drain,
  Hop,
  Me,
  Message,
  Node,
  Orphan,
  Process,
  Role,
  RoleBinding,
  Secret,
  ServiceAccount,
  Session,
  Source,
  Space,
  Trace,
} from './generated/types.gen.ts';
export type { PortSocket } from './port-socket.ts';
export type { RunOptions } from './run.ts';
export type { AnswerPart, Conversation, Credentials, Environment, EventFeed, RetryPolicy, SayOptions };

function credentialsIn({ token, apiKey, login }: RaworcOptions): Credentials | undefined {
  const given = [
    ...(token === undefined ? [] : [{ token }]),
    ...(apiKey === undefined ? [] : [{ apiKey }]),
    ...(login === undefined ? [] : [{ login }]),
  ];
  if (given.length > 1) throw new TypeError('Set only one of token, apiKey and login');
  return given[0];
}
