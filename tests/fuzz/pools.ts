/** What is there to be named in requests. A generated request says "the third session there is", which is looked up as it is sent. */

export const KINDS = ['account', 'role', 'binding', 'key', 'space', 'secret', 'agent', 'build', 'session', 'node', 'orphan'] as const;
export type Kind = (typeof KINDS)[number];
/** The values of the parameters of its path. */
export type Place = Readonly<Record<string, string>>;

/** Stands in a generated body for the name or id of something; resolved as the request is sent. */
export class Pick {
  readonly kind: Kind | 'fresh' | 'self';
  readonly at: number;

  constructor(kind: Pick['kind'], at: number) {
    this.kind = kind;
    this.at = at;
  }
}

/** What a path is about, by its longest part that names something. */
export function kindOf(path: string): Kind | undefined {
  return PLACES.find(([start]) => path.startsWith(start))?.[1];
}

const PLACES: readonly (readonly [string, Kind])[] = [
  ['/service-accounts/{', 'account'],
  ['/roles/{', 'role'],
  ['/role-bindings/{', 'binding'],
  ['/api-keys/{', 'key'],
  ['/spaces/{name}/secrets/{', 'secret'],
  ['/spaces/{name}/agents/{', 'agent'],
  ['/spaces/{name}/build/{', 'build'],
  ['/spaces/{', 'space'],
  ['/sessions/{', 'session'],
  ['/nodes/{id}/orphans/{', 'orphan'],
  ['/nodes/{', 'node'],
];

/** What each answer of 201 made, by its operation, with the field of the answer that names it. */
const MAKERS: Readonly<Record<string, readonly [Kind, parameter: string, ...fields: string[]]>> = {
  'POST /service-accounts': ['account', 'id', 'id', 'user'],
  'POST /roles': ['role', 'id', 'id', 'name'],
  'POST /role-bindings': ['binding', 'id', 'id'],
  'POST /api-keys': ['key', 'id', 'id'],
  'POST /spaces': ['space', 'name', 'name'],
  'POST /spaces/{name}/secrets': ['secret', 'key', 'key_name'],
  'POST /spaces/{name}/agents': ['agent', 'agent', 'name'],
  'POST /spaces/{name}/build': ['build', 'build_id', 'id'],
  'POST /sessions': ['session', 'id', 'id'],
  'POST /sessions/{id}/remix': ['session', 'id', 'id'],
  'POST /nodes/{id}/orphans/{session}/adopt': ['session', 'id', 'id'],
};
const NESTED: ReadonlySet<Kind> = new Set(['secret', 'agent', 'build']);

export class Pools {
  readonly #places = new Map<Kind, Place[]>(KINDS.map((kind) => [kind, []]));
  #fresh = 0;

  of(kind: Kind): readonly Place[] {
    return this.#places.get(kind) ?? [];
  }

  add(kind: Kind, place: Place): void {
    this.#places.get(kind)?.push(place);
  }

  drop(kind: Kind, place: Place): void {
    const text = JSON.stringify(place);
    this.#places.set(
      kind,
      this.of(kind).filter((one) => JSON.stringify(one) !== text),
    );
  }

  at(kind: Kind, index: number): Place | undefined {
    const all = this.of(kind);
    // The newest are likelier to be there yet.
    return all.at(-1 - (index % Math.max(1, all.length)));
  }

  /** A name that nothing has. */
  fresh(): string {
    this.#fresh += 1;
    return `fz${this.#fresh.toString(36)}`;
  }

  /** The value for a body, or for a parameter. */
  name({ kind, at }: Pick, self: string): string {
    if (kind === 'fresh') return this.fresh();
    if (kind === 'self') return self;
    const place = this.at(kind, at);
    return place === undefined ? 'nothing-of-the-kind' : (Object.values(place).at(-1) ?? '');
  }

  /** Takes in what an answer says was made or removed. */
  learn(operation: string, place: Place, status: number, body: unknown): void {
    const maker = MAKERS[operation];
    if (status === 201 && maker !== undefined && typeof body === 'object' && body !== null) {
      const [kind, parameter, ...fields] = maker;
      const parents = NESTED.has(kind) ? place : {};
      for (const field of fields) {
        const value: unknown = Object.entries(body).find(([name]) => name === field)?.[1];
        if (typeof value === 'string') this.add(kind, { ...parents, [parameter]: value });
      }
    }
    const [method, path = ''] = operation.split(' ');
    const kind = kindOf(path);
    if (method === 'DELETE' && status === 204 && kind !== undefined && path.endsWith('}')) this.drop(kind, place);
  }
}
