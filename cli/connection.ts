import { CertificateRefused, Raworc, RaworcError, Unreachable } from '../sdk/raworc.ts';
import { type Access, findAccess } from './config.ts';
import type { Io } from './io.ts';
import { trustOnly } from './private-ca.ts';

/**
 * Returns a client for the server and account in use. `isPatient`: it waits while the server
 * restarts. `outlivesInterrupt`: Ctrl-C aborts only the calls that are given the signal.
 */
export type Connect = (options?: { readonly isPatient?: boolean; readonly outlivesInterrupt?: boolean }) => Promise<Raworc>;

/** Enough for a hiccup: a person at the screen wants to know soon. */
const BRIEF = { tries: 3, totalMs: 5_000 };

const NOBODY_LISTENS = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'];

/** Says once that the server is not there: the client retries for half a minute. */
function fetchAloud(io: Io, url: string): (request: Request) => Promise<Response> {
  let isNoted = false;
  return async (request) => {
    try {
      return await fetch(request);
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
      if (!isNoted && NOBODY_LISTENS.includes(code)) {
        isNoted = true;
        if (io.stderr.isTTY) io.stderr.write('\n');
        io.stderr.line(`${url} does not respond (${code}); retrying for up to 30 s`);
      }
      throw error;
    }
  };
}

const PRIVATE_CA = 'If it comes from a CA of your own, log in with `raworc login --ca FILE`, or set RAWORC_CA_FILE';

/** Returns how to connect, and how to explain an error of that connection. */
export function connection(io: Io): { readonly connect: Connect; readonly explain: (error: unknown) => string | undefined } {
  let access: Access | undefined;
  return {
    async connect({ isPatient = false, outlivesInterrupt = false } = {}) {
      access = await findAccess(io);
      if (access.caFile !== undefined) await trustOnly(access.caFile);
      const { url, token } = access;
      const patience = isPatient ? { environment: { fetch: fetchAloud(io, url) } } : { retry: BRIEF };
      return new Raworc({ url, token, ...(outlivesInterrupt ? {} : { signal: io.signal }), ...patience });
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
