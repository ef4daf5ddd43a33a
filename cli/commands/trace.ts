import type { Raworc } from '../../sdk/raworc.ts';
import { type Io, Misuse, Trouble } from '../io.ts';
import { findSession } from '../reference.ts';
import { printTrace } from '../trace-tree.ts';

/** Shows who asked whom to answer a message: the newest one, or the one with this id or number. */
export async function showTrace(io: Io, raworc: Raworc, ref: string, message: string | undefined, { json = false }: { json?: boolean }) {
  const session = await findSession(raworc, ref);
  const trace = await raworc.traces.get(session, await findMessage(raworc, session, message));
  if (json) io.stdout.write(`${JSON.stringify(trace, null, 2)}\n`);
  else printTrace(io, io.stdout, trace);
}

async function findMessage(raworc: Raworc, session: string, ref: string | undefined): Promise<string> {
  if (ref?.includes('-') === true) return ref;
  if (ref !== undefined && !/^[1-9]\d{0,14}$/.test(ref)) throw new Misuse(`"${ref}" is neither the id nor the seq of a message`);
  const query = ref === undefined ? ({ order: 'desc' } as const) : ({ order: 'asc', since: String(Number(ref) - 1) } as const);
  const [found] = await raworc.messages.list(session, { ...query, role: 'user', limit: 1 });
  if (found === undefined || (ref !== undefined && String(found.seq) !== ref))
    throw new Trouble(ref === undefined ? 'The session has no message yet' : `The session has no user message with the seq ${ref}`);
  return found.id;
}
