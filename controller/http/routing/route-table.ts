type Params = Readonly<Record<string, string>>;

interface Row<Value> {
  readonly method: string;
  /** The words of the path below the base; a parameter's begins with a brace. */
  readonly words: readonly string[];
  readonly names: readonly (string | undefined)[];
  readonly value: Value;
}

/**
 * Finds a route by method and path. A request is compared only with routes of the same first word. A slash at the end makes no difference, GET
 * answers HEAD too, and of two routes that fit, the first one added wins.
 */
export class RouteTable<Value> {
  readonly #base: string;
  readonly #rows = new Map<string, Row<Value>[]>();

  constructor(base: string) {
    this.#base = `${base}/`;
  }

  /** `path` is below the base, with `{names}`. */
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

  /** What the path can be asked with. */
  methodsOf(path: string): string[] {
    const words = this.#wordsOf(path);
    const fitting = this.#rowsFor(words).filter((row) => fits(row, words));
    return fitting.flatMap(({ method }) => (method === 'GET' ? ['HEAD', 'GET'] : [method]));
  }

  #rowsFor([first = '']: readonly string[]): readonly Row<Value>[] {
    return this.#rows.get(first) ?? [];
  }

  /** None for a path that is not below the base. */
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

/** What cannot be decoded stays as it was sent. */
function decoded(word: string): string {
  if (!word.includes('%')) return word;
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
