import Router from '@koa/router';

type Params = Readonly<Record<string, string>>;
type Layer = ReturnType<Router['match']>['path'][number];

/**
 * Finds a route by method and path. Ignores a trailing slash; GET routes also answer HEAD; if two
 * routes match, the first one added wins. Uses only the matching of @koa/router: its dispatch
 * composes middleware per request, which costs more than a whole read. Routes with the same first
 * segment share a router, so a request is compared with some ten of them.
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
    this.#register(method, whole, value);
    if (rest !== undefined) this.#register(method, `${whole}/*${rest}`, value);
  }

  #register(method: string, whole: string, value: Value): void {
    const segment = this.#segmentOf(whole);
    const router = this.#routers.get(segment) ?? new Router({ sensitive: true });
    this.#routers.set(segment, router);
    const layer = router.register(whole.replaceAll(/\{(\w+)\}/g, ':$1'), [method], () => undefined);
    if (layer instanceof Router) throw new Error(`${whole} must be a single path`);
    this.#values.set(layer, value);
  }

  find(method: string, path: string): { readonly value: Value; readonly params: Params } | undefined {
    const layer = this.#routers.get(this.#segmentOf(path))?.match(path, method).pathAndMethod[0];
    const value = layer && this.#values.get(layer);
    return value === undefined || layer === undefined ? undefined : { value, params: layer.params(path, layer.captures(path)) };
  }

  /** Returns the methods of a path. */
  methodsOf(path: string): string[] {
    const router = this.#routers.get(this.#segmentOf(path));
    return router === undefined ? [] : router.match(path, 'GET').path.flatMap(({ methods }) => methods);
  }

  /** Returns '' for a path outside the base. */
  #segmentOf(path: string): string {
    if (!path.startsWith(this.#base)) return '';
    const end = path.indexOf('/', this.#base.length);
    return path.slice(this.#base.length, end === -1 ? undefined : end);
  }
}
