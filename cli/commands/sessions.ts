import { type Session, session } from '../api.ts';
import type { Client } from '../client.ts';
import { type Io, Trouble, table } from '../io.ts';
import { allSessions, findSession } from '../session-ref.ts';
import { step } from '../steps.ts';

export interface NewOptions {
  readonly space: string;
  readonly name?: string;
}

const WAIT = '120s';

/** Makes a session, waits until it is up, and prints its id. */
export async function newSession(io: Io, client: Client, { space, name }: NewOptions): Promise<void> {
  const body = { space, ...(name === undefined ? {} : { name }) };
  const made = await step(io, `Session in space ${space}`, async (note) => {
    const up = await client.call(session, `/sessions?wait=${WAIT}`, { method: 'POST', body });
    note(up.node === null ? up.state : `${up.state} on ${up.node}`);
    return up;
  });
  io.stdout.write(`${made.id}\n`);
  if (made.state === 'error') throw new Trouble(`The session failed: ${made.termination_reason ?? 'no reason was given'}`);
  if (made.state === 'init')
    throw new Trouble(`The session is not up after ${WAIT}; it is still being made: look again with \`raworc session list\``);
}

export async function listSessions(io: Io, client: Client, options: { readonly space?: string; readonly json?: boolean }): Promise<void> {
  const found = await allSessions(client, options.space);
  if (options.json === true) io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else if (found.length === 0) io.stderr.write('There are no sessions: make one with `raworc session new`\n');
  else io.stdout.write(table([['ID', 'NAME', 'SPACE', 'STATE', 'NODE', 'CREATED'], ...found.map(row)]));
}

const row = ({ id, name, space, state, node, created_at }: Session): string[] => [id, name ?? '-', space, state, node ?? '-', created_at];

const WORDS = { pause: 'paused', suspend: 'suspended', resume: 'resumed' } as const;
export type SessionAction = keyof typeof WORDS;

/** Pauses, suspends or resumes, and says what the session is then. A resume waits until the session is up. */
export async function changeSession(
  io: Io,
  client: Client,
  action: SessionAction,
  ref: string,
  options: { readonly force?: boolean } = {},
) {
  const id = await findSession(client, ref);
  const query = action === 'resume' ? `?wait=${WAIT}` : options.force === true ? '?force=true' : '';
  const changed = await step(io, `Session ${id} ${WORDS[action]}`, async (note) => {
    const now = await client.call(session, `/sessions/${id}/${action}${query}`, { method: 'POST' });
    note(now.settled !== false ? now.state : `${now.state}, under way`);
    return now;
  });
  if (changed.state === 'error') throw new Trouble(`The session failed: ${changed.termination_reason ?? 'no reason was given'}`);
  if (action === 'resume' && changed.state === 'init')
    throw new Trouble(`The session is not up after ${WAIT}: look again with \`raworc session get\``);
}

export async function showSession(io: Io, client: Client, ref: string, options: { readonly json?: boolean }): Promise<void> {
  const found = await client.call(session, `/sessions/${await findSession(client, ref)}`);
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  const timeouts = Object.entries(found.timeouts ?? {}).map(([name, seconds]) => `${name.replace(/_s$/, '')} ${seconds} s`);
  const rows: (readonly [string, string | null | undefined])[] = [
    ['id', found.id],
    ['name', found.name],
    ['space', found.space],
    ['state', found.settled !== false ? found.state : `${found.state}, under way`],
    ['reason', found.termination_reason],
    ['node', found.node],
    ['container', found.container_id],
    ['volume', found.persistent_volume_id],
    ['timeouts', timeouts.join(', ')],
    ['created', `${found.created_at}${found.created_by === undefined ? '' : ` by ${found.created_by}`}`],
    ['last used', found.last_activity_at],
  ];
  io.stdout.write(table(rows.flatMap(([label, value]) => (value === null || value === undefined || value === '' ? [] : [[label, value]]))));
}

/** Ends sessions for good. One that cannot be ended does not keep the others. */
export async function removeSessions(io: Io, client: Client, refs: readonly string[]): Promise<void> {
  const failed: string[] = [];
  for (const ref of refs) {
    try {
      const id = await findSession(client, ref);
      await client.send(`/sessions/${id}`, { method: 'DELETE' });
      io.stdout.write(`${id}\n`);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (refs.length === 1) throw error;
      failed.push(`${ref}: ${error.message}`);
    }
  }
  if (failed.length > 0) throw new Trouble(failed.join('; '));
}
