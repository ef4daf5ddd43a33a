import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { Loop } from '../../services/engine/loop.ts';
import type { Loops } from '../../services/engine/loops.ts';
import { type CertificateFiles, type KeyPair, parsePair, readFiles } from './key-pair.ts';

const DAY_MS = 86_400_000;
/** How often the files are read. */
const EVERY_MS = 10_000;
/** A tool that replaces both files gets this long between them before the pair counts as bad. */
const SETTLE_MS = 1_000;
/** Certificates that live shorter than six weeks are warned about in the last third of their life. */
const WARN_BEFORE_MS = 14 * DAY_MS;
const REPEAT_MS = DAY_MS;

export interface ServedCertificateDeps {
  readonly files: CertificateFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * The certificate of REST. Its files are read again every ten seconds, and at once when asked to.
 * 1. Certificate and key are replaced together, after they were verified to belong together.
 * 2. A pair that cannot be used leaves the current one in place: logged, counted, and shown in
 *    health until the files are right again.
 * 3. Open connections keep the certificate that they began with.
 */
export class ServedCertificate {
  readonly #deps: ServedCertificateDeps;
  readonly #loads: Counter<'outcome'>;
  readonly #listeners = new Set<(pair: KeyPair) => void>();
  #pair: KeyPair;
  /** Why the files are not used, and whether that was reported. */
  #refusal: { readonly reason: string; readonly isReported: boolean } | undefined;
  #warnedAtMs: number | undefined;
  #isAsked = false;
  #loop: Loop<'certificate'> | undefined;

  private constructor(pair: KeyPair, deps: ServedCertificateDeps) {
    this.#deps = deps;
    this.#pair = pair;
    const { metrics, clock } = deps;
    this.#loads = metrics.counter({
      name: 'http_certificate_loads_total',
      help: 'Changes of the certificate files of REST, by whether the new pair was used or refused.',
      labels: ['outcome'],
    });
    metrics.gauge({
      name: 'http_certificate_left_seconds',
      help: 'Time until the certificate of REST expires; negative once it has.',
      read: () => (this.#pair.notAfterMs - clock.now()) / 1000,
    });
    metrics.gauge({
      name: 'http_certificate_refused',
      help: '1 while the certificate files of REST cannot be used, and an older pair is.',
      read: () => (this.#isRefused ? 1 : 0),
    });
  }

  /** Throws if the files cannot be used. An expired certificate is used, with an error in the log. */
  static async open(deps: ServedCertificateDeps): Promise<ServedCertificate> {
    const pair = parsePair(await readFiles(deps.files), deps.files);
    const opened = new ServedCertificate(pair, deps);
    opened.#warnOfExpiry();
    return opened;
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  /** Whether the files need the operator: they are refused, or the certificate has expired. */
  get isFaulty(): boolean {
    return this.#isRefused || this.#deps.clock.now() >= this.#pair.notAfterMs;
  }

  onReplaced(listener: (pair: KeyPair) => void): void {
    this.#listeners.add(listener);
  }

  watch(loops: Pick<Loops, 'open'>): void {
    this.#loop = loops.open({ name: 'certificate', first: { key: 'certificate', afterMs: EVERY_MS }, run: () => this.look() });
  }

  /** Reads the files soon. A bad pair is reported without waiting for the rest of a replacement. */
  reload(): void {
    this.#isAsked = true;
    this.#loop?.wake('certificate');
  }

  /** Reads the files once. Returns the milliseconds until the next look. */
  async look(): Promise<number> {
    const { files, log } = this.#deps;
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    try {
      const texts = await readFiles(files);
      const isChanged = texts.cert !== this.#pair.cert || texts.key !== this.#pair.key;
      if (isChanged) this.#use(parsePair(texts, files));
      else if (this.#isRefused || isAsked) log.info('http.certificate_unchanged', { expires_at_ms: this.#pair.notAfterMs });
      this.#refusal = undefined;
    } catch (error) {
      const reason = messageOf(error);
      if (this.#refusal === undefined && !isAsked) {
        this.#refusal = { reason, isReported: false };
        return SETTLE_MS;
      }
      if (!this.#isRefused || this.#refusal?.reason !== reason || isAsked) this.#refused(reason);
    }
    this.#warnOfExpiry();
    return EVERY_MS;
  }

  get #isRefused(): boolean {
    return this.#refusal?.isReported === true;
  }

  /** Throws for a pair that is not valid now. */
  #use(pair: KeyPair): void {
    const { clock, files, log } = this.#deps;
    const at = (ms: number) => new Date(ms).toISOString();
    if (pair.notAfterMs <= clock.now()) throw new Error(`the certificate in ${files.certFile} expired at ${at(pair.notAfterMs)}`);
    if (pair.notBeforeMs > clock.now()) throw new Error(`the certificate in ${files.certFile} is valid only from ${at(pair.notBeforeMs)}`);
    this.#pair = pair;
    this.#warnedAtMs = undefined;
    for (const listener of this.#listeners) listener(pair);
    this.#loads.add(1, { outcome: 'used' });
    log.info('http.certificate_replaced', { file: files.certFile, expires_at_ms: pair.notAfterMs });
  }

  #refused(reason: string): void {
    const { log } = this.#deps;
    this.#refusal = { reason, isReported: true };
    this.#loads.add(1, { outcome: 'refused' });
    log.error('http.certificate_refused', { error: `${reason}. REST still uses the previous pair`, expires_at_ms: this.#pair.notAfterMs });
  }

  /** Once a day. */
  #warnOfExpiry(): void {
    const { clock, files, log } = this.#deps;
    const leftMs = this.#pair.notAfterMs - clock.now();
    const isRecent = this.#warnedAtMs !== undefined && clock.monotonic() - this.#warnedAtMs < REPEAT_MS;
    if (leftMs > warnBeforeMs(this.#pair) || isRecent) return;
    this.#warnedAtMs = clock.monotonic();
    const fields = { file: files.certFile, expires_at_ms: this.#pair.notAfterMs };
    if (leftMs > 0) log.warn('http.certificate_expires', { ...fields, days_left: Math.floor(leftMs / DAY_MS) });
    else log.error('http.certificate_expired', fields);
  }
}

const warnBeforeMs = ({ notBeforeMs, notAfterMs }: KeyPair) => Math.min(WARN_BEFORE_MS, (notAfterMs - notBeforeMs) / 3);
