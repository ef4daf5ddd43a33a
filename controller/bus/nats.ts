import { type ConnectionOptions, connect, Events, type NatsConnection, type Subscription as NatsSubscription } from 'nats';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { type Bus, type BusOptions, DEFAULT_MAX_PAYLOAD_BYTES, DEFAULT_MAX_PENDING_BYTES, type Subscription } from './bus.ts';

interface Listening {
  readonly pattern: string;
  readonly listener: (subject: string, payload: Uint8Array) => void;
  wire: NatsSubscription | undefined;
}

const DIAL_TIMEOUT_MS = 3_000;
const RETRY_MS = 500;
const PING_INTERVAL_MS = 20_000;

/** The bus over NATS. No other file uses the client library. */
export class NatsBus implements Bus {
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxPendingBytes: number;
  readonly #listening = new Set<Listening>();
  readonly #stateListeners = new Set<(connected: boolean) => void>();
  readonly #flushing = new Set<(arrived: boolean) => void>();
  readonly #closing = new AbortController();
  #connection: NatsConnection | undefined;
  #connected = false;
  // The library buffers without bound and does not report how much. Count bytes here and release
  // them by round trips.
  #sentBytes = 0;
  #arrivedBytes = 0;
  #refused = 0;

  constructor(url: string, options: BusOptions) {
    this.#options = connectionOptions(url);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxPendingBytes = options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES;
    void this.#keepConnected();
  }

  get connected(): boolean {
    return this.#connected;
  }

  get refused(): number {
    return this.#refused;
  }

  get maxPayloadBytes(): number {
    return this.#connection?.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES;
  }

  publish(subject: string, payload: Uint8Array): boolean {
    const connection = this.#usable();
    const size = payload.byteLength;
    if (connection === undefined || size > this.maxPayloadBytes || this.#pendingBytes() + size > this.#maxPendingBytes) {
      this.#refused += 1;
      return false;
    }
    connection.publish(subject, payload);
    this.#sentBytes += size;
    if (this.#pendingBytes() > this.#maxPendingBytes / 4 && this.#flushing.size === 0) void this.flush();
    return true;
  }

  subscribe(pattern: string, listener: (subject: string, payload: Uint8Array) => void): Subscription {
    const listening: Listening = { pattern, listener, wire: undefined };
    this.#listening.add(listening);
    if (this.#connection !== undefined && !this.#connection.isClosed()) this.#listen(this.#connection, listening);
    return {
      close: () => {
        this.#listening.delete(listening);
        listening.wire?.unsubscribe();
      },
    };
  }

  onState(listener: (connected: boolean) => void): Subscription {
    this.#stateListeners.add(listener);
    return { close: () => this.#stateListeners.delete(listener) };
  }

  flush(signal?: AbortSignal): Promise<boolean> {
    const connection = this.#usable();
    if (connection === undefined || signal?.aborted) return Promise.resolve(false);
    const sentBytes = this.#sentBytes;
    return new Promise((resolve) => {
      const done = (arrived: boolean) => {
        if (!this.#flushing.delete(done)) return;
        signal?.removeEventListener('abort', abort);
        if (arrived) this.#arrivedBytes = Math.max(this.#arrivedBytes, sentBytes);
        resolve(arrived);
      };
      const abort = () => done(false);
      this.#flushing.add(done);
      signal?.addEventListener('abort', abort, { once: true });
      connection.flush().then(
        () => done(true),
        () => done(false),
      );
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#stateListeners.clear();
    this.#listening.clear();
    this.#changeState(false);
    await this.#connection?.close();
    this.#connection = undefined;
  }

  #pendingBytes(): number {
    return this.#sentBytes - this.#arrivedBytes;
  }

  #usable(): NatsConnection | undefined {
    return this.#connected && this.#connection?.isClosed() === false ? this.#connection : undefined;
  }

  /**
   * The library's wait for a first connection cannot be stopped, and some refusals of the server
   * close it for good. So each pass of this loop is one connection, within which the library
   * reconnects.
   */
  async #keepConnected(): Promise<void> {
    let complained = false;
    while (!this.#closing.signal.aborted) {
      try {
        const connection = await connect(this.#options);
        complained = false;
        await this.#serve(connection);
      } catch (error) {
        if (!complained) this.#log.warn('bus.unreachable', { server: String(this.#options.servers), error: messageOf(error) });
        complained = true;
      }
      await pause(this.#clock, RETRY_MS, this.#closing.signal);
    }
  }

  async #serve(connection: NatsConnection): Promise<void> {
    if (this.#closing.signal.aborted) return connection.close();
    this.#connection = connection;
    for (const listening of this.#listening) this.#listen(connection, listening);
    void this.#follow(connection);
    this.#changeState(true);
    await connection.closed();
    this.#changeState(false);
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type, data } of connection.status()) {
      if (type === Events.Disconnect) this.#changeState(false);
      else if (type === Events.Reconnect) this.#changeState(true);
      else if (type === Events.Error) this.#log.warn('bus.refused_by_server', { code: typeof data === 'string' ? data : undefined });
    }
  }

  #listen(connection: NatsConnection, listening: Listening): void {
    listening.wire = connection.subscribe(listening.pattern, {
      callback: (error, message) => {
        if (error !== null) {
          this.#log.error('bus.subscription_refused', { pattern: listening.pattern, code: error.code });
          return;
        }
        // A throw would end the library's reader.
        try {
          if (this.#listening.has(listening)) listening.listener(message.subject, message.data);
        } catch (fault) {
          this.#log.error('bus.listener_failed', { pattern: listening.pattern, error: messageOf(fault) });
        }
      },
    });
  }

  #changeState(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    for (const done of [...this.#flushing]) done(false);
    this.#arrivedBytes = this.#sentBytes;
    if (!this.#closing.signal.aborted)
      this.#log.info(connected ? 'bus.connected' : 'bus.disconnected', { server: String(this.#options.servers) });
    for (const listener of this.#stateListeners) listener(connected);
  }
}

/**
 * @throws when this is not a NATS URL. The message contains no part of the URL, which can include a
 * password.
 */
function connectionOptions(url: string): ConnectionOptions {
  if (!URL.canParse(url))
    throw new Error('The URL of the NATS server is invalid. It must have the form nats://HOST:4222 or tls://HOST:4222.');
  const { protocol, host, username, password } = new URL(url);
  if (protocol !== 'nats:' && protocol !== 'tls:') throw new Error('The URL of the NATS server must begin with nats:// or tls://.');
  const user = decodeURIComponent(username);
  return {
    servers: host,
    name: 'raworc-controller',
    timeout: DIAL_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    pingInterval: PING_INTERVAL_MS,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    noEcho: true,
    ...(protocol === 'tls:' ? { tls: {} } : {}),
    ...(user === '' ? {} : password === '' ? { token: user } : { user, pass: decodeURIComponent(password) }),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
