import { CertificateRefused, Raworc, RaworcError, Unreachable } from '../sdk/raworc.ts';
import { type Access, findAccess } from './config.ts';
import type { Io } from './io.ts';
import { trustOnly } from './private-ca.ts';

/**
 * Returns a client for the server and account in use. `isPatient`: it waits while the server
 * restarts.
 */
export type Connect = (options?: { readonly isPatient?: boolean }) => Promise<Raworc>;

/** Enough for a hiccup: a person at the screen wants to know soon. */
const BRIEF = { tries: 3, totalMs: 5_000 };

const PRIVATE_CA = 'If it comes from a CA of your own, log in with `raworc login --ca FILE`, or set RAWORC_CA_FILE';

/** Returns how to connect, and how to explain an error of that connection. */
export function connection(io: Io): { readonly connect: Connect; readonly explain: (error: unknown) => string | undefined } {
  let access: Access | undefined;
  return {
    async connect({ isPatient = false } = {}) {
      access = await findAccess(io);
      if (access.caFile !== undefined) await trustOnly(access.caFile);
      return new Raworc({ url: access.url, token: access.token, signal: io.signal, ...(isPatient ? {} : { retry: BRIEF }) });
    },
    explain(error) {
      if (error instanceof CertificateRefused) return error.isUnknownCa ? `${error.message} ${PRIVATE_CA}` : error.message;
      if (error instanceof Unreachable) return `${error.message} RAWORC_URL sets another address`;
      if (!(error instanceof RaworcError)) return undefined;
      if (error.status !== 401 || access === undefined) return error.message;
      const why = access.token === undefined ? 'you are not logged in' : 'the login is no longer valid';
      return `${access.url} refused the request: ${why}. Run \`raworc login --url ${access.url}\``;
    },
  };
}
