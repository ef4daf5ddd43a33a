import { type Environment, port, text } from './values.ts';

/** The listener for the SDKs of E2B. It has the host and the certificate of REST. */
export interface E2bSettings {
  readonly port: number;
  /** The name below which ports of sandboxes have hosts of their own, perhaps with a port. */
  readonly domain: string | undefined;
}

/** Returns undefined if there is no such listener. @throws on an invalid value. */
export function readE2bSettings(env: Environment): E2bSettings | undefined {
  const domain = text(env, 'RAWORC_E2B_DOMAIN');
  if (text(env, 'RAWORC_E2B_PORT') === undefined) return undefined;
  if (domain !== undefined && !/^[a-z0-9.-]+(:\d{1,5})?$/.test(domain))
    throw new Error(`RAWORC_E2B_DOMAIN must be a name such as sandboxes.example.com, perhaps with a port, not "${domain}"`);
  return { port: port(env, 'RAWORC_E2B_PORT', 0), domain };
}
