type Params = Readonly<Record<string, string>>;

interface Row<Value> {
  readonly method: string;
  /** The segments of the path below the base. */
  readonly words: readonly string[];
  /** The parameter at each segment; undefined where the segment is literal. */
  readonly names: readonly (string | undefined)[];
  readonly value: Value;
}

/**
 * Finds a route by method and path, comparing only routes with the same first segment. A trailing slash is ignored, GET routes also answer
 * HEAD, and when two routes match, the first one added wins.
 */
export class RouteTable<Value> {
  readonly #base: string;
  readonly #rows = new Map<string, Row<Value>[]>();

  constructor(base: string) {
    this.#base = `${base}/`;
  }

  /** `path` is relative to the base, with `{names}` for parameters. */
  add(method: string, path: string, value: Value): void {
    const words = path.slice(1).split('/');
    const names = words.map((word) => /^\{(\w+)\}$/.exec(word)?.[1]);
    const [first = ''] = words;
    const rows = this.#rows.get(first) ?? [];
    rows.push({ method, words, names, value });
    this.#rows.set(first, rows);
  }

  find(method: string, path: string): { readonly value: Value; readonly params: Params } | undefined {
    const words = this.#wordsOf(path);
    const wanted = method === 'HEAD' ? 'GET' : method;
    for (const row of this.#rowsFor(words)) {
      if (row.method === wanted && fits(row, words)) return { value: row.value, params: paramsOf(row, words) };
    }
    return undefined;
  }

  /** The methods that the path accepts. */
  methodsOf(path: string): string[] {
    const words = this.#wordsOf(path);
    const fitting = this.#rowsFor(words).filter((row) => fits(row, words));
    return fitting.flatMap(({ method }) => (method === 'GET' ? ['HEAD', 'GET'] : [method]));
  }

  #rowsFor([first = '']: readonly string[]): readonly Row<Value>[] {
    return this.#rows.get(first) ?? [];
  }

  /** Empty for a path outside the base. */
  #wordsOf(path: string): readonly string[] {
    if (!path.startsWith(this.#base)) return [];
    const words = path.slice(this.#base.length).split('/');
    if (words.length > 1 && words.at(-1) === '') words.pop();
    return words;
  }
}

function fits({ words, names }: Row<unknown>, sent: readonly string[]): boolean {
  if (words.length !== sent.length) return false;
  for (let at = 0; at < words.length; at += 1) {
    if (names[at] === undefined ? words[at] !== sent[at] : sent[at] === '') return false;
  }
  return true;
}

function paramsOf({ names }: Row<unknown>, sent: readonly string[]): Params {
  const params: Record<string, string> = {};
  for (let at = 0; at < names.length; at += 1) {
    const name = names[at];
    if (name !== undefined) params[name] = decoded(sent[at] ?? '');
  }
  return params;
}

/** Returns a malformed escape unchanged. */
function decoded(word: string): string {
  if (!word.includes('%')) return word;
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
