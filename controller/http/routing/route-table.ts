import Router from '@koa/router';

type Params = Readonly<Record<string, string>>;
type Layer = ReturnType<Router['match']>['path'][number];

const SLASH = 47;

/**
 * Finds a route by method and path. Ignores a trailing slash; GET routes also answer HEAD; if two
 * routes match, the first one added wins. Uses only the matching of @koa/router: its dispatch
 * composes middleware per request, which costs more than a whole read. Routes with the same first
 * segment and the same number of segments share a router, so a request is compared with a few.
 */
export class RouteTable<Value> {
  readonly #base: string;
  readonly #routers = new Map<string, Router>();
  readonly #values = new WeakMap<Layer, Value>();

  constructor(base: string) {
    this.#base = `${base}/`;
  }

  /**
   * `path` is relative to the base, with `{names}` for parameters. With `rest`, addresses that go on
   * after it match too: the parameter of that name is what follows the slash.
   */
  add(method: string, path: string, value: Value, rest?: string): void {
    const whole = `${this.#base}${path.slice(1)}`;
    this.#register(this.#keyOf(whole), method, whole, value);
    if (rest !== undefined) this.#register(this.#openKeyOf(whole), method, `${whole}/*${rest}`, value);
  }

  #register(key: string, method: string, whole: string, value: Value): void {
    const router = this.#routers.get(key) ?? new Router({ sensitive: true });
    this.#routers.set(key, router);
    const layer = router.register(whole.replaceAll(/\{(\w+)\}/g, ':$1'), [method], () => undefined);
    if (layer instanceof Router) throw new Error(`${whole} must be a single path`);
    this.#values.set(layer, value);
  }

  find(method: string, path: string): { readonly value: Value; readonly params: Params } | undefined {
    const layer = this.#match(this.#keyOf(path), method, path) ?? this.#match(this.#openKeyOf(path), method, path);
    const value = layer && this.#values.get(layer);
    return value === undefined || layer === undefined ? undefined : { value, params: layer.params(path, layer.captures(path)) };
  }

  /** Returns the methods of a path. */
  methodsOf(path: string): string[] {
    const routers = [this.#keyOf(path), this.#openKeyOf(path)].map((key) => this.#routers.get(key));
    return routers.flatMap((router) => router?.match(path, 'GET').path.flatMap(({ methods }) => methods) ?? []);
  }

  #match(key: string, method: string, path: string): Layer | undefined {
    return this.#routers.get(key)?.match(path, method).pathAndMethod[0];
  }

  /** The routes with as many segments and the same first one. Returns '' for a path outside the base. */
  #keyOf(path: string): string {
    if (!path.startsWith(this.#base)) return '';
    const last = path.length - 1;
    let slashes = 0;
    for (let at = this.#base.length; at < last; at += 1) if (path.charCodeAt(at) === SLASH) slashes += 1;
    return `${slashes} ${this.#firstOf(path)}`;
  }

  /** The routes with `rest` and the same first segment. */
  #openKeyOf(path: string): string {
    return path.startsWith(this.#base) ? `* ${this.#firstOf(path)}` : '';
  }

  #firstOf(path: string): string {
    const end = path.indexOf('/', this.#base.length);
    return path.slice(this.#base.length, end === -1 ? undefined : end);
  }
}
