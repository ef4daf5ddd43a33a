import type { ControlExchange } from '../exchange.ts';

export interface ControlRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  /** `{id}` matches one segment. */
  readonly path: string;
  /** In audit records. */
  readonly action: string;
  handle(exchange: ControlExchange): Promise<void>;
}

export interface FoundRoute {
  readonly route: ControlRoute;
  /** Decoded; empty if the path has none. */
  readonly id: string;
}

/** Finds the route of a request; undefined if there is none. */
export function routeTable(routes: readonly ControlRoute[]): (method: string, path: string) => FoundRoute | undefined {
  const byShape = new Map<string, ControlRoute>();
  for (const route of routes) byShape.set(`${route.method} ${route.path}`, route);
  const shapes = [...new Set(routes.map(({ path }) => path))].map((path) => ({
    path,
    pattern: new RegExp(`^${path.replace('{id}', '([^/]+)')}$`),
  }));
  return (method, path) => {
    for (const { path: shape, pattern } of shapes) {
      const found = pattern.exec(path);
      const route = found === null ? undefined : byShape.get(`${method} ${shape}`);
      if (found !== null && route !== undefined) return { route, id: decoded(found[1] ?? '') };
    }
    return undefined;
  };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
