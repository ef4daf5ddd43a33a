import type { Payer } from '../../services/budget/payer.ts';
import type { Access } from '../../services/sandboxes/sandbox-access.ts';
import type { Exchange } from '../exchange.ts';

/** An admitted request for a sandbox that runs. */
export interface DataExchange extends Exchange {
  readonly access: Access;
  readonly payer: Payer;
}

export const DEFAULT_USER = 'user';

/** The user of a call, by its Basic credentials; undefined if they are malformed. */
export function userIn(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return DEFAULT_USER;
  const sent = /^Basic ([A-Za-z0-9+/=_-]*)$/i.exec(authorization)?.[1];
  if (sent === undefined) return undefined;
  const name = Buffer.from(sent, 'base64').toString().split(':')[0] ?? '';
  return name === '' ? DEFAULT_USER : name;
}
