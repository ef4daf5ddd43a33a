/**
 * Says why a call of a model failed, for the user who asked: without the key, and without the
 * address, which only those who see the space's settings know.
 */
import { parsed, textAt } from './json.ts';
import type { ModelSettings } from './model-api.ts';
import { ModelError } from './model-error.ts';

/** Characters of a server's own words in an error. */
const MAX_WORDS = 500;

type About = Pick<ModelSettings, 'model' | 'key' | 'keySecret'>;

/** Returns the error of a response that is not a reply. Never contains the key. */
export async function statusError(about: About, response: Response, body: Promise<string>): Promise<ModelError> {
  const { model, keySecret } = about;
  const server = `The server of the model ${model}`;
  const { status } = response;
  const words = spoken(await body.catch(() => ''), about);
  const retry = { canRetry: true, afterMs: retryAfterMs(response.headers.get('retry-after'), response.headers.get('date')) };
  if (status === 401 || status === 403) {
    const key = keySecret === '' ? 'Set key_secret in settings.model to the name of a secret with a key' : `Check the secret ${keySecret}`;
    return new ModelError('model_unauthorized', `${server} refused the key (${status})${words}. ${key}.`);
  }
  if (status === 404)
    return new ModelError('model_not_found', `${server} does not have it (404)${words}. Check model and base_url in settings.model.`);
  if (status === 429) return new ModelError('model_rate_limited', `${server} is taking no more requests (429)${words}.`, retry);
  if (status >= 300 && status < 400)
    return new ModelError(
      'model_failed',
      `${server} redirects (${status}), and the key is not sent to another address. Set base_url in settings.model to the final one.`,
    );
  // 529: Anthropic is overloaded.
  const canRetry = status === 408 || status === 409 || status >= 500;
  return new ModelError('model_failed', `${server} failed with ${status}${words}.`, { ...retry, canRetry });
}

const BLOCKED = 'Sessions reach public addresses only; an operator can open private ones (RAWORC_ALLOW_EGRESS).';
const UNANSWERED = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPERM', 'EACCES']);
const UNTRUSTED = /CERT|SIGNATURE|ALTNAME|SSL/;

/** Returns the error of a connection that could not be made, or broke. */
export function connectionError({ model }: Pick<About, 'model'>, fault: unknown): ModelError {
  const code = codeOf(fault);
  const server = `The server of the model ${model}`;
  if (UNANSWERED.has(code)) return new ModelError('model_unreachable', `${server} cannot be reached (${code}). ${BLOCKED}`);
  if (UNTRUSTED.test(code))
    return new ModelError('model_unreachable', `${server} has a certificate that is not valid for this session (${code}).`);
  if (code === 'ENOTFOUND')
    return new ModelError('model_unreachable', `${server} does not exist (${code}). Check base_url in settings.model.`);
  return new ModelError('model_unreachable', `The connection to the server of the model ${model} failed (${code}).`, { canRetry: true });
}

/**
 * Fetch wraps the cause, of which there are several if a name has several addresses. Only its code:
 * a text can quote a header.
 */
function codeOf(fault: unknown): string {
  const cause = fault instanceof Error && fault.cause !== undefined ? fault.cause : fault;
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  return textAt(first, 'code') || (first instanceof Error ? first.name : 'unknown');
}

/** Returns the error of a stream that says itself that it failed, in the server's own words. */
export function streamError(words: string, canRetry: boolean, { key }: Pick<About, 'key'>): ModelError {
  return new ModelError('model_failed', `The model server failed in the middle of a reply${cleaned(words, key)}`, { canRetry });
}

/** Returns the server's own words, after a colon. */
function spoken(body: string, { key }: Pick<About, 'key'>): string {
  const value = parsed(body);
  return cleaned(textAt(value, 'error', 'message') || textAt(value, 'error') || textAt(value, 'message'), key);
}

/** A server can quote the key. */
function cleaned(words: string, key: string): string {
  const plain = (key === '' ? words : words.replaceAll(key, '…')).replace(/\s+/g, ' ').trim().replace(/\.$/, '');
  return plain === '' ? '' : `: ${plain.slice(0, MAX_WORDS).toWellFormed()}`;
}

/** Both forms of the header: seconds, or a date by the server's clock. */
function retryAfterMs(header: string | null, date: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(header.trim())) return Math.ceil(Number(header) * 1000);
  const waits = Date.parse(header) - Date.parse(date ?? '');
  return Number.isNaN(waits) ? undefined : Math.max(0, waits);
}
