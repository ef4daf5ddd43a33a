import type { Thing } from '../../domain/audit/audit.ts';
import { isPlausibleName } from './audit-names.ts';
import type { Route } from './route.ts';

/**
 * How an operation is recorded. `change`: by the commit that changes something, and not where nothing changes. `noted`: before it is
 * answered. `values`: the same, where it shows values. `nothing`: it neither changes nor reveals anything that is recorded.
 */
export type Recorded = 'change' | 'noted' | 'values' | 'nothing';

/** Every operation that is no plain read. A route that is missing here fails the tests. */
export const RECORDED: Readonly<Record<string, Recorded>> = {
  'POST /auth/login': 'change',
  'POST /auth/refresh': 'noted',
  'POST /auth/logout': 'change',
  'POST /service-accounts': 'change',
  'PUT /service-accounts/{id}': 'change',
  'DELETE /service-accounts/{id}': 'change',
  'PUT /service-accounts/{id}/password': 'change',
  'POST /roles': 'change',
  'DELETE /roles/{id}': 'change',
  'POST /role-bindings': 'change',
  'DELETE /role-bindings/{id}': 'change',
  'POST /api-keys': 'change',
  'DELETE /api-keys/{id}': 'change',
  'POST /spaces': 'change',
  'PUT /spaces/{name}': 'change',
  'DELETE /spaces/{name}': 'change',
  'GET /spaces/{name}/secrets': 'values',
  'POST /spaces/{name}/secrets': 'change',
  'GET /spaces/{name}/secrets/{key}': 'values',
  'PUT /spaces/{name}/secrets/{key}': 'change',
  'DELETE /spaces/{name}/secrets/{key}': 'change',
  'POST /spaces/{name}/agents': 'change',
  'PUT /spaces/{name}/agents/{agent}': 'change',
  'DELETE /spaces/{name}/agents/{agent}': 'change',
  'PATCH /spaces/{name}/agents/{agent}/status': 'change',
  'PUT /spaces/{name}/agents/{agent}/source': 'change',
  'POST /spaces/{name}/agents/{agent}/deploy': 'change',
  'POST /spaces/{name}/agents/{agent}/stop': 'change',
  'GET /spaces/{name}/agents/{agent}/logs': 'noted',
  'POST /spaces/{name}/build': 'change',
  'POST /sessions': 'change',
  'PUT /sessions/{id}': 'change',
  'DELETE /sessions/{id}': 'change',
  'POST /sessions/{id}/remix': 'change',
  'POST /sessions/{id}/pause': 'change',
  'POST /sessions/{id}/suspend': 'change',
  'POST /sessions/{id}/resume': 'change',
  'PUT /sessions/{id}/state': 'change',
  'POST /sessions/{id}/messages': 'change',
  'DELETE /sessions/{id}/messages': 'change',
  'POST /nodes/tokens': 'change',
  'POST /nodes/{id}/lost': 'change',
  'POST /nodes/{id}/orphans/{session}/adopt': 'change',
  'DELETE /nodes/{id}/orphans/{session}': 'change',
};

export const recordedAs = ({ method, path }: Pick<Route, 'method' | 'path'>): Recorded => RECORDED[`${method} ${path}`] ?? 'nothing';

type Params = Readonly<Record<string, string>>;

/** The thing that a path names: its kind, its id or name, and its space. */
export function thingOf({ path }: Pick<Route, 'path'>, params: Params): Thing {
  const [first = '', , third] = path.slice(1).split('/');
  const value = (name: string): string | null => {
    const sent = params[name];
    return sent !== undefined && isPlausibleName(sent) ? sent : null;
  };
  if (first === 'spaces' && third !== undefined) {
    const kind = third === 'build' ? 'builds' : third;
    return { kind, ref: value('agent') ?? value('key') ?? value('build_id'), space: value('name') };
  }
  if (path.includes('{session}')) return { kind: 'sessions', ref: value('session'), space: null };
  if (first === 'spaces') return { kind: 'spaces', ref: value('name'), space: value('name') };
  if (first === 'auth') return { kind: path === '/auth/login' ? 'service-accounts' : 'tokens', ref: null, space: null };
  if (path === '/nodes/tokens') return { kind: 'node-tokens', ref: null, space: null };
  return { kind: first, ref: value('id'), space: null };
}
