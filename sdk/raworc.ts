/**
 * The client of Raworc, for Node.js 20 or newer and for browsers.
 *
 *     const raworc = new Raworc({ url: 'https://raworc.example', apiKey });
 *     const session = await raworc.sessions.create({ space: 'default' }, { wait: '60s' });
 *     const answer = await raworc.send(session.id, 'Hello', { onDelta: (text) => show(text) });
 *     for await (const one of raworc.sessions.all({ space: 'default' })) console.log(one.id, one.state);
 *
 * Each operation of the API is a method of its group: `raworc.agents.deploy(space, agent)`. It takes what is in the path, then the body,
 * then the parameters of the URL together with a `signal`. Lists have `all` beside `list`, which walks over every page.
 *
 * What is safe to repeat is repeated, with growing pauses, while the server does not answer or is busy: reads, PUT and DELETE, and with an
 * idempotency key, which they get by themselves, creates. What fails throws RaworcError (the server said no) or Unreachable (it said nothing).
 */
import { Caller } from './caller.ts';
import { Conversation, type Said, type SayOptions } from './conversation.ts';
import { type Environment, systemEnvironment } from './environment.ts';
import { type EventFeed, type FeedOptions, openFeed, type Wire } from './event-feed.ts';
import { Operations } from './generated/operations.gen.ts';
import type { Message, Session } from './generated/types.gen.ts';
import { PATIENT, type RetryPolicy } from './retry.ts';
import { type Credentials, RenewingTokens } from './token.ts';
import { Transport } from './transport.ts';
import { type Wanted, waitForSession } from './wait-for.ts';

export interface RaworcOptions {
  /** Where the server is, such as http://127.0.0.1:9000; empty in a page that it served itself. */
  readonly url: string;
  /** Who one is. A token is renewed shortly before its end; with a user and password the client logs in when it needs to. */
  readonly token?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly login?: { readonly user: string; readonly pass: string } | undefined;
  /** Without what is given: 30 s. */
  readonly retry?: Partial<RetryPolicy>;
  /** Ends everything that the client does. */
  readonly signal?: AbortSignal;
  /** For tests: clock, chance and network. */
  readonly environment?: Partial<Environment>;
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
   * What happens, in one session or in all that one may see, from now on or after `lastEventId`. It resolves once the server has taken the
   * watcher, so that nothing of what one does next is missed. Cut streams are taken up again.
   */
  events({ session, ...options }: FeedOptions & { readonly session?: string | undefined } = {}): Promise<EventFeed> {
    return openFeed(this.#wire, session === undefined ? '/events' : `/sessions/${encodeURIComponent(session)}/events`, options);
  }

  /**
   * The newest `limit` lines (100) that an agent printed in the sessions that are up, in one session or in all, and what it prints from then on. Lines are not kept on the way: those that are printed
   * while a stream is cut come only with `agents.getLogs`.
   */
  followLogs(
    space: string,
    agent: string,
    {
      signal,
      limit = 100,
      ...query
    }: {
      readonly session_id?: string;
      readonly log_type?: 'stdout' | 'stderr' | 'all';
      readonly limit?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<EventFeed> {
    const path = `/spaces/${encodeURIComponent(space)}/agents/${encodeURIComponent(agent)}/logs`;
    return openFeed(this.#wire, `${path}?${new URLSearchParams({ follow: 'true', limit: String(limit), ...query })}`, { signal });
  }

  /**
   * The session once it is in that state, or as the function wants it; now if it is already. It hears of it and never polls. Throws
   * NothingToCome where it is deleted, or (where a state is waited for) has failed; TimeoutError after `timeoutMs`.
   */
  waitFor(session: string, wanted: Wanted, options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<Session> {
    return waitForSession({ sessions: this.sessions, open: (feed) => this.events(feed), ...this.#wire }, session, wanted, options);
  }

  /** A talk over several messages, on one stream. Close it at the end. */
  async converse(session: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Conversation> {
    return new Conversation(this.messages, session, await this.events({ session, ...options }));
  }

  /** Says one thing and gives what is said to it as it comes; the last thing is the answer. */
  async *say(session: string, content: string, options: SayOptions = {}): AsyncGenerator<Said, void> {
    const talk = await this.converse(session, { signal: options.signal });
    try {
      yield* talk.say(content, options);
    } finally {
      await talk.close();
    }
  }

  /**
   * Says one thing and gives the answer. `onDelta` gets the pieces as they come, which may stop short of the answer or be another text: the
   * answer is what counts. A failure of the agent is an answer too; metadata.type is then error_response.
   */
  async send(
    session: string,
    content: string,
    { onDelta, ...options }: SayOptions & { readonly onDelta?: (text: string) => void } = {},
  ): Promise<Message> {
    for await (const said of this.say(session, content, options)) {
      if (said.kind === 'answer') return said.message;
      onDelta?.(said.text);
    }
    throw new Error('a talk ends with an answer or throws');
  }
}

export type { CallOptions, Keyed } from './caller.ts';
export { NothingToCome, RaworcError, Unreachable } from './errors.ts';
export type { Delta, EventData, Heard, LogLine } from './event-feed.ts';
export { buildIn, deltaIn, logLineIn, messageIn, sessionIn } from './event-feed.ts';
export type {
  Agent,
  ApiKey,
  AuditRecord,
  Build,
  Me,
  Message,
  Node,
  Orphan,
  Role,
  RoleBinding,
  Secret,
  ServiceAccount,
  Session,
  Source,
  Space,
} from './generated/types.gen.ts';
export type { Conversation, Credentials, Environment, EventFeed, RetryPolicy, Said, SayOptions };

function credentialsIn({ token, apiKey, login }: RaworcOptions): Credentials | undefined {
  const given = [
    ...(token === undefined ? [] : [{ token }]),
    ...(apiKey === undefined ? [] : [{ apiKey }]),
    ...(login === undefined ? [] : [{ login }]),
  ];
  if (given.length > 1) throw new TypeError('Give one of token, apiKey and login');
  return given[0];
}
