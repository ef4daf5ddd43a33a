import type { Route } from './route.ts';

type Named = Pick<Route, 'method' | 'path' | 'paged' | 'operation'>;

/**
 * Returns the operationId: listSessions, createSession, getSession, pauseSession. It follows from
 * method and path, unless the route names it.
 */
export function operationOf(route: Named, routes: readonly Named[]): string {
  if (route.operation !== undefined) return route.operation;
  const segments = route.path.split('/').filter((segment) => segment !== '');
  const last = segments.at(-1) ?? '';
  const before = segments.at(-2) ?? '';
  const isItem = last.startsWith('{');
  if (isItem) return `${verb(route.method)}${singular(before)}`;
  if (route.paged) return `list${pascal(last)}`;
  const isCollection = routes.some(({ path, paged }) => path === route.path && paged);
  if (isCollection) return route.method === 'POST' ? `create${singular(last)}` : `${verb(route.method)}${pascal(last)}`;
  const owner = before.startsWith('{') ? singular(segments.at(-3) ?? '') : pascal(before);
  if (route.method === 'POST') return `${camel(last)}${before === 'auth' ? '' : owner}`;
  return `${verb(route.method)}${owner}${pascal(last)}`;
}

const VERBS = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'update', DELETE: 'delete' } as const;
const verb = (method: Named['method']): string => VERBS[method];

const pascal = (words: string): string =>
  words
    .split(/[-_.]/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
const camel = (words: string): string => pascal(words).replace(/^./, (letter) => letter.toLowerCase());
const singular = (words: string): string => pascal(words).replace(/s$/, '');
