import { X509Certificate } from 'node:crypto';
import { CERTIFICATE_BACKDATE_MS } from '../../proto/node-service.ts';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import { writePrivateFile } from '../../seams/private-file.ts';
import type { Random } from '../../seams/random.ts';
import type { Conditions } from '../conditions.ts';
import { DialError } from '../control/dial-error.ts';
import { bundlePem, casIn, digestOf } from './ca-bundle.ts';
import { assembleIdentity, describe, type Identity, identityFiles } from './identity.ts';
import type { RenewalAnswer, RenewalPath } from './renew-call.ts';

/**
 * Shares of a certificate's life between which renewal begins, so that nodes that joined together
 * do not renew together.
 */
const RENEW_FROM = 0.5;
const RENEW_BY = 0.6;
const RETRY_FIRST_MS = 500;
/** Retry interval as a share of the certificate's life. */
const RETRY_SHARE = 1 / 40;
const RETRY_SLOWEST_MS = 10 * 60_000;
const RETRY_EXPIRED_MS = 10_000;
/** After the CAs changed, nodes get the new ones within this. */
const BUNDLE_WITHIN_MS = 10_000;
/** A node whose CAs still differ after a renewal waits this long before the next. */
const BUNDLE_EVERY_MS = 60_000;
const NOT_RENEWED = 'CertificateNotRenewed';
/** Failures above this share of its life are not worth a condition: renewal has just begun. */
const REPORT_BELOW = 1 / 3;
/** A clock that differs by more from the controller's is logged. Certificates tolerate an hour. */
const SKEW_MS = 5 * 60_000;

export interface CertificateDeps {
  readonly identity: Identity;
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'>;
  /** Makes attempt number `attempt`. */
  request(identity: Identity, road: RenewalPath, attempt: number, signal: AbortSignal): Promise<RenewalAnswer>;
  /** The controller says that it removed this node. */
  removed?(reason: string): void;
  /** Called with a new certificate. Streams that use the old one end when that expires. */
  renewed(identity: Identity): void;
}

/**
 * Keeps this node's certificate valid.
 *
 * 1. It is renewed from half of its life on, with jitter and back-off, over mTLS.
 * 2. An expired certificate, or one that the controller's TLS refuses, is renewed over the join
 *    port, by proof of the key.
 * 3. The key stays, so only the certificate's file changes, in one step: a crash leaves the old or
 *    the new one.
 * 4. New CAs come with a new certificate. They are stored in an order in which the files on disk
 *    always match.
 * 5. A certificate whose life the controller has stated is timed by the monotonic clock; one found
 *    on disk by its dates.
 */
export class Certificate {
  readonly #deps: CertificateDeps;
  readonly #ending = new AbortController();
  readonly #renewals: Counter<'outcome'>;
  #identity: Identity;
  #lifeMs: number;
  #expiresAtMonotonic: number;
  #renewAtMonotonic: number;
  #isRefused = false;
  #nextBundleMs = 0;
  /** The last failure that was logged. Repetitions are not. */
  #reported = '';
  #wake: AbortController = new AbortController();
  #running: Promise<void> | undefined;

  constructor(deps: CertificateDeps) {
    this.#deps = deps;
    this.#identity = deps.identity;
    const metrics = deps.metrics ?? silentMetrics;
    this.#renewals = metrics.counter({
      name: 'node_certificate_renewals_total',
      help: 'Attempts to renew the certificate.',
      labels: ['outcome'],
    });
    metrics.gauge({
      name: 'node_certificate_left_seconds',
      help: 'Until the certificate of this node expires; negative once it has.',
      read: () => this.leftMs() / 1000,
    });
    const { validFromDate, validToDate } = new X509Certificate(deps.identity.certificatePem);
    this.#lifeMs = Math.max(1, validToDate.getTime() - validFromDate.getTime() - CERTIFICATE_BACKDATE_MS);
    const leftMs = Math.min(this.#lifeMs, validToDate.getTime() - deps.clock.now());
    this.#expiresAtMonotonic = deps.clock.monotonic() + leftMs;
    this.#renewAtMonotonic = this.#due();
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Milliseconds until it expires; negative after that. */
  leftMs(): number {
    return this.#expiresAtMonotonic - this.#deps.clock.monotonic();
  }

  /** Returns why nothing can be dialled with it now; undefined while it is valid. */
  problem(): string | undefined {
    if (this.leftMs() > 0) return undefined;
    return `This node's certificate expired at ${expiryOf(this.#identity)} and has not been renewed yet.`;
  }

  /**
   * TLS closed a connection that used it. The controller can refuse a certificate that is valid by
   * this machine's clock.
   */
  refused(): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#wake.abort();
  }

  /**
   * The controller named the CAs to trust. If they are not those of this node, it renews its
   * certificate soon, which brings them.
   */
  authorities(digest: string): void {
    const { clock, random } = this.#deps;
    if (digest === '' || digest === digestOf(this.#identity.caPem) || clock.monotonic() < this.#nextBundleMs) return;
    this.#nextBundleMs = clock.monotonic() + BUNDLE_EVERY_MS;
    this.#renewAtMonotonic = Math.min(this.#renewAtMonotonic, clock.monotonic() + BUNDLE_WITHIN_MS * random.fraction());
    this.#wake.abort();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#wake.abort();
    await this.#running;
  }

  #due(): number {
    const share = RENEW_FROM + (RENEW_BY - RENEW_FROM) * this.#deps.random.fraction();
    return this.#expiresAtMonotonic - this.#lifeMs * (1 - share);
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#ending.signal.aborted) {
      if (!this.#isRefused) await this.#pause(this.#renewAtMonotonic - clock.monotonic());
      if (this.#ending.signal.aborted) return;
      // Runs after a refusal, or when renewal is due.
      if (this.#isRefused || clock.monotonic() >= this.#renewAtMonotonic) await this.#renew();
    }
  }

  async #pause(delayMs: number): Promise<void> {
    this.#wake = new AbortController();
    if (this.#ending.signal.aborted) return;
    await pause(this.#deps.clock, Math.max(0, delayMs), this.#wake.signal);
  }

  /**
   * Retries until it is renewed or this closes. A TLS refusal is checked once over the join port:
   * if that fails too, the controller is away.
   */
  async #renew(): Promise<void> {
    const { clock, log, random } = this.#deps;
    let road: RenewalPath = this.#isRefused || this.leftMs() <= 0 ? 'join' : 'tls';
    for (let attempt = 0; !this.#ending.signal.aborted; attempt += 1) {
      if (this.leftMs() <= 0) road = 'join';
      try {
        const askedAt = clock.monotonic();
        const answer = await this.#deps.request(this.#identity, road, attempt, this.#ending.signal);
        await this.#adopt(answer, askedAt);
        this.#renewals.add(1, { outcome: 'renewed' });
        return;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#renewals.add(1, { outcome: 'failed' });
        if (error instanceof DialError && error.code === 'removed') this.#deps.removed?.(error.message);
        const message = messageOf(error);
        const isExpired = this.leftMs() <= 0;
        const fields = { error: message, [isExpired ? 'expired_at' : 'expires_at']: expiryOf(this.#identity) };
        if (`${isExpired} ${message}` !== this.#reported) {
          if (isExpired) log.error('certificate.expired', fields);
          else log.warn('certificate.not_renewed', fields);
        }
        this.#reported = `${isExpired} ${message}`;
        this.#raise(message);
        const isTimely = clock.monotonic() < this.#renewAtMonotonic;
        if (this.#isRefused && isTimely) {
          this.#isRefused = false;
          // The dialer will soon be refused again, which triggers the next attempt.
          return pause(clock, RETRY_EXPIRED_MS * (0.5 + random.fraction() / 2), this.#ending.signal);
        }
        if (isHandshake(error)) road = road === 'tls' ? 'join' : 'tls';
        else road = 'tls';
      }
      const slowestMs =
        this.leftMs() <= 0 ? RETRY_EXPIRED_MS : Math.min(Math.max(this.#lifeMs * RETRY_SHARE, RETRY_FIRST_MS), RETRY_SLOWEST_MS);
      const ceilingMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(attempt, 16), slowestMs);
      await this.#pause(ceilingMs * (0.5 + random.fraction() / 2));
    }
  }

  #raise(reason: string): void {
    if (this.leftMs() > this.#lifeMs * REPORT_BELOW) return;
    const when = `${this.leftMs() > 0 ? 'expires' : 'expired'} at ${expiryOf(this.#identity)}`;
    const message = `The certificate of this node ${when}, and renewing it fails: ${reason}`;
    this.#deps.conditions?.raise({ type: NOT_RENEWED, message, unschedulable: false });
  }

  async #adopt(answer: RenewalAnswer, askedAt: number): Promise<void> {
    const { directory, log, renewed } = this.#deps;
    const { keyPem } = this.#identity;
    const known = casIn(this.#identity.caPem);
    const cas = answer.caBundle.length === 0 ? known : answer.caBundle.map((der) => new X509Certificate(der));
    const hasNewCas = bundlePem(cas) !== bundlePem(known);
    const parts = {
      ...describe(this.#identity),
      ...(answer.nodeAddresses.length === 0 ? {} : { controllers: [...answer.nodeAddresses] }),
      ...(answer.joinAddresses.length === 0 ? {} : { joinAddresses: [...answer.joinAddresses] }),
    };
    const identity = assembleIdentity(parts, keyPem, new X509Certificate(answer.certificateDer).toString(), bundlePem(cas));
    try {
      const files = identityFiles(directory);
      // Both, so that a crash leaves each certificate with its CA.
      if (hasNewCas) await writePrivateFile(files.ca, bundlePem([...known, ...cas]));
      await writePrivateFile(files.certificate, identity.certificatePem);
      if (hasNewCas) await writePrivateFile(files.ca, identity.caPem);
      if (JSON.stringify(parts) !== JSON.stringify(describe(this.#identity)))
        await writePrivateFile(files.description, `${JSON.stringify(parts, null, 2)}\n`);
    } catch (error) {
      // The controller removes the old CA once this node uses the new one, so it must be on disk.
      if (hasNewCas) throw error;
      // Use it anyway: after a restart the old one is renewed again.
      log.error('certificate.not_saved', { error: messageOf(error) });
    }
    this.#identity = identity;
    this.#lifeMs = Math.max(1, answer.lifeMs);
    this.#expiresAtMonotonic = askedAt + this.#lifeMs;
    this.#renewAtMonotonic = this.#due();
    this.#isRefused = false;
    this.#reported = '';
    this.#deps.conditions?.clear(NOT_RENEWED);
    log.info('certificate.renewed', { expires_at: expiryOf(identity) });
    const { clockAheadMs = 0 } = answer;
    if (Math.abs(clockAheadMs) > SKEW_MS) log.warn('clock.skew', { controller_ahead_ms: clockAheadMs });
    renewed(identity);
  }
}

const expiryOf = ({ expiresAtMs }: Identity) => new Date(expiresAtMs).toISOString();

const isHandshake = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'handshake';
