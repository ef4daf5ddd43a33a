import { Raworc, RaworcError, Unreachable } from '../sdk/raworc.ts';
import { type Access, findAccess } from './config.ts';
import type { Io } from './io.ts';

/** Makes the client of the server and account that the command is for. `isPatient`: it waits over a restart of the server. */
export type Connect = (options?: { readonly isPatient?: boolean }) => Promise<Raworc>;

/** Enough for a hiccup; who looks at the screen wants to know soon. */
const BRIEF = { tries: 3, totalMs: 5_000 };

/** The client, and what to tell of its errors: it knows whose login was refused. */
export function connection(io: Io): { readonly connect: Connect; readonly explain: (error: unknown) => string | undefined } {
  let access: Access | undefined;
  return {
    async connect({ isPatient = false } = {}) {
      access = await findAccess(io);
      return new Raworc({ url: access.url, token: access.token, signal: io.signal, ...(isPatient ? {} : { retry: BRIEF }) });
    },
    explain(error) {
      if (error instanceof Unreachable) return `${error.message} Its address can be given as RAWORC_URL`;
      if (!(error instanceof RaworcError)) return undefined;
      if (error.status !== 401 || access === undefined) return error.message;
      const why = access.token === undefined ? 'you are not logged in' : 'the login is no longer valid';
      return `${access.url} refuses: ${why}. Run \`raworc login --url ${access.url}\``;
    },
  };
}
