import type { Thing } from '../../domain/audit/audit.ts';
import { isPlausibleName } from './audit-names.ts';
import type { Route } from './route.ts';

type Params = Readonly<Record<string, string>>;

/** Returns the resource that a path names: its kind, id or name, and space. */
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
  if (path.startsWith('/nodes/tokens')) return { kind: 'node-tokens', ref: value('token'), space: null };
  return { kind: first, ref: value('id'), space: null };
}
