import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { isUuid } from './ids.ts';

type Params = Readonly<Record<string, string>>;

/** The session that `{id}` names; what is spelled like no id names nothing. */
export function sessionIn(params: Params): Outcome<SessionId> {
  const id = (params.id ?? '').toLowerCase();
  return isUuid<SessionId>(id) ? accepted(id) : refused('NOT_FOUND', 'There is no such session');
}

/** A value of the path, which the router has matched. */
export function part(params: Params, name: string): string {
  const value = params[name];
  if (value === undefined) throw new Error(`The path has no {${name}}`);
  return value;
}
