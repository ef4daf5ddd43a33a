import { type Operation, readDocument } from '../contract/document.ts';
import { faultsOf, faultsOfAny, type Got, parsed } from '../contract/judge.ts';
import { archiveOf, type Item, main } from '../unit/controller/agents/source-archives.ts';
import { type CallerName, Callers } from './callers.ts';
import { Connections, type Sent } from './connection.ts';
import { BASE } from './constants.ts';
import { kindOf, type Place, Pools } from './pools.ts';
import { Reached } from './reached.ts';
import { Records } from './records.ts';
import { resolved, type Sketch, type SketchedBody } from './sketch.ts';
import type { FuzzTarget } from './target.ts';

export interface Asking {
  readonly as?: CallerName;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: { readonly body: string | Uint8Array; readonly mediaType: string };
  readonly from?: string;
}

const MAX_TOLD = 20;

/** Sends requests, judges each answer, and keeps in mind what was reached and what there is to be named. */
export class Fuzz {
  readonly target: FuzzTarget;
  readonly operations: readonly Operation[];
  readonly pools = new Pools();
  readonly callers: Callers;
  readonly reached: Reached;
  readonly failures: string[] = [];
  readonly records = new Records();
  readonly #connections: Connections;
  readonly #archives: ReadonlyMap<string, Uint8Array>;
  sent = 0;
  slowestMs = 0;

  private constructor(target: FuzzTarget, operations: readonly Operation[], archives: ReadonlyMap<string, Uint8Array>) {
    this.target = target;
    this.operations = operations;
    this.reached = new Reached(operations);
    this.callers = new Callers(target);
    this.#connections = new Connections(target.url);
    this.#archives = archives;
  }

  static async open(target: FuzzTarget): Promise<Fuzz> {
    const fuzz = new Fuzz(target, await readDocument(target.url), await archives());
    await fuzz.callers.open();
    return fuzz;
  }

  close(): void {
    this.#connections.close();
  }

  archive(which: string): Uint8Array {
    return this.#archives.get(which) ?? new Uint8Array();
  }

  /** Sends what was generated, with names looked up now. */
  async send(sketch: Sketch): Promise<void> {
    const { operation, method, caller, query, headers } = sketch;
    const self = this.callers.user(caller);
    const name = (pick: Parameters<Pools['name']>[0]) => this.pools.name(pick, self);
    const { place, isRaw } = this.#placeOf(sketch, self);
    const pairs = query
      .flatMap(([key, value]) => exploded(key, resolved(value, name)))
      .map(([key, value]) => `${encodeURIComponent(key.toWellFormed())}=${encodeURIComponent(text(value))}`);
    const { body, mediaType } = this.#bodyOf(sketch.body, name);
    const request = {
      method,
      path: pathOf(operation, place, isRaw) + (pairs.length === 0 ? '' : `?${pairs.join('&')}`),
      headers: {
        ...(await this.callers.authorization(caller)),
        ...(mediaType === undefined ? {} : { 'content-type': mediaType }),
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...headers,
      },
      body,
      // Guessed passwords are counted by address, and must not lock out the accounts of the fuzz.
      ...(operation.path === '/auth/login' ? { from: `127.${1 + (this.sent % 200)}.${1 + (Math.floor(this.sent / 200) % 200)}.7` } : {}),
    };
    const isOnRoute = !isRaw && method === operation.method;
    const got = await this.#exchange(request, isOnRoute ? operation : undefined);
    if (got === undefined) return;
    this.#mayHaveEnded(operation, caller, got);
    if (isOnRoute) this.pools.learn(operation.name, place, got.status, parsed(got.text));
  }

  /** Sends a request that somebody thought of, to reach an answer that chance hardly would. */
  async ask(name: string, place: Place, body: unknown, { as = 'admin', query, headers = {}, raw, from }: Asking = {}): Promise<Got> {
    const operation = this.operations.find((one) => one.name === name);
    if (operation === undefined) throw new Error(`the document has no ${name}`);
    const sent = raw?.body ?? (body === undefined ? undefined : JSON.stringify(body));
    const request = {
      method: operation.method,
      path: pathOf(operation, place, false) + (query === undefined ? '' : `?${query}`),
      headers: {
        ...(await this.callers.authorization(as)),
        ...(sent === undefined
          ? {}
          : { 'content-type': raw?.mediaType ?? 'application/json', 'content-length': String(Buffer.byteLength(sent)) }),
        ...headers,
      },
      body: sent,
      ...(from === undefined ? {} : { from }),
    };
    const got = await this.#exchange(request, operation);
    if (got === undefined) throw new Error(`${name} was not answered`);
    this.#mayHaveEnded(operation, as, got);
    this.pools.learn(name, place, got.status, parsed(got.text));
    return got;
  }

  #mayHaveEnded({ path }: Operation, caller: CallerName, { status }: Got): void {
    if (status === 401 || path === '/auth/logout' || path.endsWith('/password')) this.callers.doubt(caller);
  }

  /** Sends anything, whatever it is. Undefined, and a failure, where there was no answer. */
  async #exchange(request: Sent, operation: Operation | undefined): Promise<Got | undefined> {
    this.sent += 1;
    const beganAt = performance.now();
    let got: Got;
    try {
      got = await this.#connections.send(request);
    } catch (fault) {
      this.#fail(request, [`no answer: ${fault instanceof Error ? fault.message : String(fault)}`]);
      return undefined;
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - beganAt);
    const faults = faultsOfAny(got, request.method === 'HEAD');
    if (operation !== undefined) {
      faults.push(...faultsOf(operation, got));
      this.reached.add(operation, got.status);
      this.records.answered(operation, request, got);
    }
    if (faults.length > 0) this.#fail(request, faults, got);
    return got;
  }

  #fail({ method, path, headers, body }: Sent, faults: readonly string[], got?: Got): void {
    const { authorization: _, ...shown } = headers;
    const sent = typeof body === 'string' ? body.slice(0, 300) : body === undefined ? '' : `${body.byteLength} bytes`;
    const answer = got === undefined ? '' : ` → ${got.status} ${got.text.slice(0, 300)}`;
    if (this.failures.length < MAX_TOLD) {
      this.failures.push(`${faults.join('; ')}: ${method} ${path.slice(0, 200)} ${JSON.stringify(shown).slice(0, 300)} ${sent}${answer}`);
    }
  }

  #placeOf({ operation: { path, pathParameters }, target }: Sketch, self: string): { place: Place; isRaw: boolean } {
    const kind = kindOf(path);
    const last = pathParameters.at(-1);
    if (kind === undefined || last === undefined) return { place: {}, isRaw: false };
    const at = 'at' in target ? target.at : 0;
    const nothing = Object.fromEntries(pathParameters.map((name) => [name, 'nothing']));
    // A space of which several things are made, where nothing of the kind is there yet.
    const found = this.pools.at(kind, at) ?? { ...nothing, ...(pathParameters.includes('name') ? this.pools.at('space', at) : {}) };
    switch (target.kind) {
      case 'there':
        return { place: found, isRaw: false };
      case 'self':
        return { place: kind === 'account' ? { [last]: self } : found, isRaw: false };
      case 'mixed':
        return { place: { ...found, ...(pathParameters.length > 1 ? this.pools.at('space', target.other) : {}) }, isRaw: false };
      case 'unknown':
        return { place: { ...found, [last]: target.text }, isRaw: false };
      case 'raw':
        return { place: { ...found, [last]: target.text }, isRaw: true };
    }
  }

  #bodyOf(
    body: SketchedBody,
    name: Parameters<typeof resolved>[1],
  ): { body: string | Uint8Array | undefined; mediaType: string | undefined } {
    switch (body.kind) {
      case 'none':
        return { body: undefined, mediaType: undefined };
      case 'json':
        return { body: JSON.stringify(resolved(body.value, name)), mediaType: 'application/json' };
      case 'archive':
        return { body: this.archive(body.which), mediaType: 'application/gzip' };
      case 'raw':
        return { body: body.text, mediaType: body.mediaType };
    }
  }
}

/** Each property of an object is a parameter of its own. */
const exploded = (key: string, value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [[key, value]];

function text(value: unknown): string {
  return typeof value === 'string' ? value.toWellFormed() : String(value);
}

function pathOf({ path, pathParameters }: Operation, place: Place, isRaw: boolean): string {
  const last = pathParameters.at(-1);
  return (
    BASE +
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = place[name] ?? 'nothing';
      return isRaw && name === last ? value : encodeURIComponent(value.toWellFormed());
    })
  );
}

async function archives(): Promise<ReadonlyMap<string, Uint8Array>> {
  const outside: Item = { name: '../x' };
  const good = await archiveOf([main]);
  return new Map<string, Uint8Array>([
    ['good', good],
    ['empty', new Uint8Array()],
    ['cut', good.subarray(0, 60)],
    ['outside', await archiveOf([main, outside])],
    ['noise', Buffer.from('this is no archive at all')],
  ]);
}
