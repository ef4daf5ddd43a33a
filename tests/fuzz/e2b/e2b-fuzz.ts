import { encodeMessage } from '../../../controller/e2b/connect/envelope.ts';
import { type Got, INTERNAL, parsed } from '../../contract/judge.ts';
import { Connections } from '../connection.ts';
import { PID, WATCHER } from './routes.ts';
import type { E2bSketch, Framing } from './sketch.ts';

export interface Keys {
  readonly own: string;
  /** Of a space without these sandboxes. */
  readonly other: string;
}

interface Sandbox {
  readonly id: string;
  readonly token: string;
  pid: number | undefined;
  watcher: string | undefined;
  /** When a request last began or ended that may end it, pause it or give it less time. */
  changedAtMs: number;
}

const MAX_TOLD = 20;
/** A sandbox's time can end a while after a request has set it. */
const CHANGING_MS = 10_000;
const BOUNDARY = 'a-boundary-of-the-fuzz';
/** Refusals of the listener, apart from those of REST: gone or not listening, unimplemented, and the client's own deadline. */
const ALLOWED: ReadonlySet<number> = new Set([501, 502, 503, 504]);

/** Sends requests to the listener for the SDKs of E2B, judges each answer, and keeps in mind what sandboxes there are. */
export class E2bFuzz {
  readonly failures: string[] = [];
  sent = 0;
  readonly #url: string;
  readonly #keys: Keys;
  readonly #connections: Connections;
  readonly #sandboxes: Sandbox[] = [];
  readonly #succeeded = new Set<string>();

  constructor(url: string, keys: Keys) {
    this.#url = url;
    this.#keys = keys;
    this.#connections = new Connections(url);
  }

  close(): void {
    this.#connections.close();
  }

  /** The routes that were answered with success, by method and path. */
  get succeeded(): ReadonlySet<string> {
    return this.#succeeded;
  }

  /** Brings the number of sandboxes to this: what was killed is replaced, and the oldest go. */
  async settle(count: number): Promise<void> {
    const headers = { 'x-api-key': this.#keys.own };
    const listed = (await (await fetch(`${this.#url}/sandboxes`, { headers })).json()) as { sandboxID: string }[];
    const there = new Set(listed.map(({ sandboxID }) => sandboxID));
    for (let at = this.#sandboxes.length - 1; at >= 0; at -= 1)
      if (!there.has(this.#sandboxes[at]?.id ?? '')) this.#sandboxes.splice(at, 1);
    const known = this.#sandboxes.splice(0, Math.max(0, this.#sandboxes.length - count)).map(({ id }) => id);
    const strange = [...there].filter((id) => !this.#sandboxes.some((one) => one.id === id));
    for (const id of new Set([...known, ...strange])) await fetch(`${this.#url}/sandboxes/${id}`, { method: 'DELETE', headers });
    while (this.#sandboxes.length < count) {
      const body = JSON.stringify({ templateID: 'base', timeout: 3600 });
      const made = await fetch(`${this.#url}/v2/sandboxes`, { method: 'POST', headers, body });
      if (made.status !== 201) throw new Error(`a sandbox was not made: ${made.status} ${await made.text()}`);
      this.#learn((await made.json()) as object);
    }
  }

  async send(sketch: E2bSketch): Promise<void> {
    const { route, method, path, query, subject, headers: more } = sketch;
    const sandbox = subject.kind === 'there' ? this.#at(subject.at, JSON.stringify(sketch.body)) : undefined;
    const id = subject.kind === 'named' ? subject.id : (sandbox?.id ?? 'none');
    const [body, type] = bodyOf(sketch, sandbox);
    const headers = {
      ...(route.plane === 'control' ? {} : { 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983' }),
      ...this.#proofOf(sketch, sandbox),
      ...(body === undefined ? {} : { 'content-type': type, 'content-length': String(body.byteLength) }),
      ...more,
    };
    const request = { method, path: `${path.replace('{id}', id)}${query === '' ? '' : `?${query}`}`, headers, body };
    this.sent += 1;
    const changes = () => {
      if (sandbox !== undefined && route.plane === 'control' && method !== 'GET') sandbox.changedAtMs = performance.now();
    };
    let got: Got;
    changes();
    try {
      got = await this.#connections.send(request).finally(changes);
    } catch (fault) {
      // Whatever is open to a sandbox is cut when it rests or ends.
      if (route.plane === 'data' && sandbox !== undefined && performance.now() - sandbox.changedAtMs < CHANGING_MS) return;
      return this.#fail(sketch, request.path, [`no answer: ${fault instanceof Error ? fault.message : String(fault)}`]);
    }
    const faults = faultsOf(got, method === 'HEAD');
    if (faults.length > 0) this.#fail(sketch, request.path, faults, got);
    if (got.status < 300 && method === route.method && path === route.path) this.#answered(route, got, sandbox);
  }

  /** Returns a sandbox, with a process or a watcher if the body names one and there is any. */
  #at(at: number, body: string): Sandbox | undefined {
    const apt = this.#sandboxes.filter(
      ({ pid, watcher }) => (pid !== undefined || !body.includes(PID)) && (watcher !== undefined || !body.includes(WATCHER)),
    );
    const those = apt.length === 0 ? this.#sandboxes : apt;
    return those[at % those.length];
  }

  #answered({ method, path }: E2bSketch['route'], { text }: Got, sandbox: Sandbox | undefined): void {
    if (!text.includes('"error":')) this.#succeeded.add(`${method} ${path}`);
    const body = parsed(text);
    if (typeof body === 'object' && body !== null) {
      this.#learn(body);
      if (sandbox !== undefined && 'watcherId' in body) sandbox.watcher = String(body.watcherId);
    }
    const pid = /"start":\{"pid":(\d+)/.exec(text)?.[1];
    if (sandbox !== undefined && pid !== undefined) sandbox.pid = Number(pid);
  }

  #learn(made: object): void {
    const { sandboxID: id, envdAccessToken: token } = made as { readonly sandboxID?: unknown; readonly envdAccessToken?: unknown };
    if (typeof id !== 'string' || typeof token !== 'string' || this.#sandboxes.some((one) => one.id === id)) return;
    this.#sandboxes.push({ id, token, pid: undefined, watcher: undefined, changedAtMs: Number.NEGATIVE_INFINITY });
  }

  #proofOf({ route, proof }: E2bSketch, sandbox: Sandbox | undefined): Readonly<Record<string, string>> {
    if (proof === 'none') return {};
    const other = this.#sandboxes.find((one) => one !== sandbox)?.token ?? 'none';
    if (route.plane === 'control') return { 'x-api-key': { own: this.#keys.own, other: this.#keys.other, wrong: 'e2b_no' }[proof] };
    return { 'x-access-token': { own: sandbox?.token ?? 'none', other, wrong: '0'.repeat(64) }[proof] };
  }

  #fail({ route, body, headers }: E2bSketch, path: string, faults: readonly string[], got?: Got): void {
    const answer = got === undefined ? '' : ` → ${got.status} ${got.text.slice(0, 300)}`;
    if (this.failures.length >= MAX_TOLD) return;
    const shown = `${JSON.stringify(headers)} ${JSON.stringify(body).slice(0, 300)}`;
    this.failures.push(`${faults.join('; ')}: ${route.method} ${path.slice(0, 200)} ${shown}${answer}`);
  }
}

/** Returns what is wrong with an answer to any request. */
function faultsOf({ status, headers, text }: Got, wasHead: boolean): string[] {
  const faults: string[] = [];
  if (status >= 500 && !ALLOWED.has(status)) faults.push('a server error');
  if (headers['x-request-id'] === undefined) faults.push('no X-Request-Id');
  if (/"code":"(internal|unknown)"/.test(text)) faults.push('a server error in a stream');
  if (status < 400 || wasHead) return faults;
  const body = parsed(text);
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  if (typeof message !== 'string' || message === '') faults.push('an error without a message');
  else if (INTERNAL.test(message)) faults.push('a message that tells of the inside');
  return faults;
}

function bodyOf({ route, body, framing }: E2bSketch, sandbox: Sandbox | undefined): [bytes: Buffer | undefined, type: string] {
  if (route.form === 'nothing') return [undefined, ''];
  if (body.kind === 'raw') return [Buffer.from(body.text), typeOf(route.form)];
  const fields = filled(body.fields, sandbox) as Readonly<Record<string, unknown>>;
  switch (route.form) {
    case 'frames':
      return [framed(fields, framing), typeOf(route.form)];
    case 'bytes':
      return [Buffer.from(textOf(fields.content)), typeOf(route.form)];
    case 'parts': {
      const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${textOf(fields.name)}"\r\n\r\n`;
      return [Buffer.from(`${head}${textOf(fields.content)}\r\n--${BOUNDARY}--\r\n`), typeOf(route.form)];
    }
    case undefined:
      return [Buffer.from(JSON.stringify(fields)), typeOf(route.form)];
    default:
      return route.form satisfies never;
  }
}

const typeOf = (form: E2bSketch['route']['form']): string =>
  form === 'frames'
    ? 'application/connect+json'
    : form === 'bytes'
      ? 'application/octet-stream'
      : form === 'parts'
        ? `multipart/form-data; boundary=${BOUNDARY}`
        : 'application/json';

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** Puts the sandbox's own process and watcher in their places. */
function filled(value: unknown, sandbox: Sandbox | undefined): unknown {
  if (value === PID) return sandbox?.pid ?? 1;
  if (value === WATCHER) return sandbox?.watcher ?? 'none';
  if (Array.isArray(value)) return value.map((one) => filled(one, sandbox));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one, sandbox)]));
}

function framed(fields: object, framing: Framing): Buffer {
  const one = encodeMessage(fields);
  switch (framing) {
    case 'one':
      return one;
    case 'none':
      return Buffer.alloc(0);
    case 'two':
      return Buffer.concat([one, one]);
    case 'compressed':
      return Buffer.concat([Buffer.of(1), one.subarray(1)]);
    case 'too-long':
      return Buffer.concat([Buffer.of(0, 0xff, 0xff, 0xff, 0xff), one.subarray(5)]);
    case 'cut':
      return one.subarray(0, -1);
  }
}
