import {
  type ConnectionOptions,
  connect,
  ErrorCode,
  Events,
  type NatsConnection,
  NatsError,
  type Subscription as NatsSubscription,
} from 'nats';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Counter, silentMetrics } from '../../seams/metrics.ts';
import { type Bus, type BusOptions, DEFAULT_MAX_PAYLOAD_BYTES, DEFAULT_MAX_PENDING_BYTES, type Subscription } from './bus.ts';
import { authenticatorOf, isExposed, type NatsAccess, tlsOf } from './nats-access.ts';

interface Listening {
  readonly pattern: string;
  readonly listener: (subject: string, payload: Uint8Array) => void;
  wire: NatsSubscription | undefined;
}

const DIAL_TIMEOUT_MS = 3_000;
const RETRY_MS = 500;
const PING_INTERVAL_MS = 20_000;

/** The bus over NATS. Only this file and nats-access.ts use the client library. */
export class NatsBus implements Bus {
  readonly #access: NatsAccess;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxPendingBytes: number;
  readonly #listening = new Set<Listening>();
  readonly #stateListeners = new Set<(connected: boolean) => void>();
  readonly #flushing = new Set<(arrived: boolean) => void>();
  readonly #closing = new AbortController();
  readonly #failures: Counter<'cause'>;
  #connection: NatsConnection | undefined;
  #connected = false;
  // The library buffers without bound and does not report how much. Count bytes here and release
  // them by round trips.
  #sentBytes = 0;
  #arrivedBytes = 0;
  #refused = 0;
  #areCredentialsRefused = false;

  constructor(access: NatsAccess, options: BusOptions) {
    const { metrics = silentMetrics } = options;
    this.#access = access;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxPendingBytes = options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES;
    metrics.gauge({ name: 'bus_connected', help: '1 while connected to NATS.', read: () => (this.#connected ? 1 : 0) });
    this.#failures = metrics.counter({
      name: 'bus_connects_failed_total',
      help: 'Failed attempts to connect to NATS, by cause.',
      labels: ['cause'],
    });
    if (isExposed(access))
      this.#log.warn('bus.plain', {
        server: access.server,
        warning: 'Credentials for NATS can cross the network unencrypted. Use a tls:// URL',
      });
    void this.#keepConnected();
  }

  get areCredentialsRefused(): boolean {
    return this.#areCredentialsRefused;
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
        const connection = await connect(connectionOptions(this.#access));
        complained = false;
        this.#areCredentialsRefused = false;
        await this.#serve(connection);
      } catch (error) {
        if (isRefusal(error)) this.#credentialsRefused();
        else {
          this.#failures.add(1, { cause: 'unreachable' });
          this.#areCredentialsRefused = false;
          if (!complained) this.#log.warn('bus.unreachable', { server: this.#access.server, error: reasonOf(error) });
        }
        complained = !isRefusal(error);
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
      else if (type === Events.Reconnect) {
        this.#areCredentialsRefused = false;
        this.#changeState(true);
      } else if (type === Events.Error && REFUSALS.has(String(data))) this.#credentialsRefused();
      else if (type === Events.Error) this.#log.warn('bus.refused_by_server', { code: typeof data === 'string' ? data : undefined });
    }
  }

  /** Logged once, until another try ends otherwise. */
  #credentialsRefused(): void {
    this.#failures.add(1, { cause: 'credentials' });
    if (this.#areCredentialsRefused) return;
    this.#areCredentialsRefused = true;
    const { server, credentials } = this.#access;
    const error = `NATS refused ${CREDENTIALS[credentials.kind]}. The controller continues without NATS and tries again`;
    this.#log.error('bus.credentials_refused', { server, error });
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
    if (!this.#closing.signal.aborted) {
      if (connected) this.#log.info('bus.connected', { server: this.#access.server });
      else this.#log.warn('bus.disconnected', { server: this.#access.server });
    }
    for (const listener of this.#stateListeners) listener(connected);
  }
}

const REFUSALS: ReadonlySet<string> = new Set([
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.AccountExpired,
  ErrorCode.AuthenticationTimeout,
]);
const isRefusal = (error: unknown): boolean => error instanceof NatsError && REFUSALS.has(error.code);

const CREDENTIALS: Readonly<Record<NatsAccess['credentials']['kind'], string>> = {
  none: 'a connection without credentials. Set RAWORC_NATS_USER and RAWORC_NATS_PASSWORD_FILE, or another kind of credentials',
  password: 'the user and password. Check RAWORC_NATS_USER and RAWORC_NATS_PASSWORD_FILE, or RAWORC_NATS_URL',
  token: 'the token. Check RAWORC_NATS_TOKEN_FILE or RAWORC_NATS_URL',
  creds: 'the credentials in RAWORC_NATS_CREDS_FILE',
  nkey: 'the key in RAWORC_NATS_NKEY_FILE',
};

/** Errors of the library can wrap the reason, such as a file that cannot be read. */
const reasonOf = (error: unknown): string =>
  error instanceof NatsError && error.chainedError !== undefined ? messageOf(error.chainedError) : messageOf(error);

/** Throws if a file cannot be read. */
function connectionOptions(access: NatsAccess): ConnectionOptions {
  const authenticator = authenticatorOf(access.credentials);
  const tls = tlsOf(access);
  return {
    servers: access.server,
    name: 'raworc-controller',
    timeout: DIAL_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    pingInterval: PING_INTERVAL_MS,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    noEcho: true,
    ...(tls === undefined ? {} : { tls }),
    ...(authenticator === undefined ? {} : { authenticator }),
  };
}
