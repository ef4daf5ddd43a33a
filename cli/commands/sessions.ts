import type { Raworc, Session } from '../../sdk/raworc.ts';
import { type Io, Trouble, table } from '../io.ts';
import { labelRule, preference, written } from '../label-rule.ts';
import { printList } from '../listing.ts';
import { allSessions, findSession } from '../reference.ts';
import { removeEach } from '../removal.ts';
import { step } from '../steps.ts';

/** Rules about nodes, as typed: zone=a, zone=a,b, zone!=a, gpu, !gpu. */
interface RuleOptions {
  readonly constraint?: readonly string[];
  readonly prefer?: readonly string[];
}

export interface NewOptions extends RuleOptions {
  readonly space: string;
  readonly name?: string;
  readonly profile?: 'locked' | 'workstation';
  readonly image?: string;
}

export interface RemixOptions extends RuleOptions {
  readonly space?: string;
  readonly name?: string;
  /** Copies the files. */
  readonly data: boolean;
  readonly messages?: boolean;
}

const WAIT = '120s';

/** Creates a session, waits until it is running, and prints its id. */
export async function newSession(io: Io, raworc: Raworc, { space, name, profile, image, ...rules }: NewOptions): Promise<void> {
  const body = {
    space,
    ...(name === undefined ? {} : { name }),
    ...(profile === undefined ? {} : { profile }),
    ...(image === undefined ? {} : { image }),
    ...rulesIn(rules),
  };
  await made(io, `Session in space ${space}`, () => raworc.sessions.create(body, { wait: WAIT }));
}

/** Creates a copy of a session, waits until it is running, and prints its id. */
export async function remixSession(io: Io, raworc: Raworc, ref: string, { data, constraint, prefer, ...options }: RemixOptions) {
  const rules = rulesIn({ constraint, prefer });
  const parent = await findSession(raworc, ref);
  await made(io, `Copy of ${parent}`, () => raworc.sessions.remix(parent, { data, ...options, ...rules }, { wait: WAIT }));
}

const rulesIn = ({ constraint, prefer }: { [Name in keyof RuleOptions]: RuleOptions[Name] | undefined }) => ({
  ...(constraint === undefined ? {} : { constraints: constraint.map(labelRule) }),
  ...(prefer === undefined ? {} : { preferences: prefer.map(preference) }),
});

async function made(io: Io, title: string, make: () => Promise<Session>): Promise<void> {
  const create = async (note: (text: string) => void) => {
    const up = await make();
    note(up.node === null ? up.state : `${up.state} on ${up.node}`);
    return up;
  };
  const session = await step(io, title, create, ({ state }) => state !== 'init' && state !== 'error');
  io.stdout.line(session.id);
  if (session.state === 'error') throw new Trouble(`The session failed: ${session.termination_reason ?? 'the server gave no reason'}`);
  if (session.state === 'init') throw new Trouble(`The session is still starting after ${WAIT}. Check it with \`raworc session list\``);
}

export async function listSessions(
  io: Io,
  raworc: Raworc,
  { space, json }: { readonly space?: string; readonly json?: boolean },
): Promise<void> {
  printList(io, await allSessions(raworc, space), {
    json,
    none: 'No sessions. Create one with `raworc session new`',
    columns: ['ID', 'NAME', 'SPACE', 'STATE', 'NODE', 'CREATED'],
    row: ({ id, name, space, state, node, created_at }) => [id, name ?? '-', space, state, node ?? '-', created_at],
  });
}

const WORDS = { pause: 'paused', suspend: 'suspended', resume: 'resumed', recover: 'recovered' } as const;
export type SessionAction = keyof typeof WORDS;
const CHANGES: Readonly<Record<SessionAction, (raworc: Raworc, id: string, force: boolean) => Promise<Session>>> = {
  pause: (raworc, id) => raworc.sessions.pause(id),
  suspend: (raworc, id, force) => raworc.sessions.suspend(id, force ? { force } : {}),
  resume: (raworc, id) => raworc.sessions.resume(id, { wait: WAIT }),
  async recover(raworc, id) {
    await raworc.sessions.updateState(id, { state: 'init' });
    // For a session that is running or starting, resume only waits.
    return raworc.sessions.resume(id, { wait: WAIT });
  },
};

/** Changes a session and prints its new state. Resume and recover wait until it is running. */
export async function changeSession(
  io: Io,
  raworc: Raworc,
  action: SessionAction,
  ref: string,
  options: { readonly force?: boolean } = {},
) {
  const id = await findSession(raworc, ref);
  const change = async (note: (text: string) => void) => {
    const now = await CHANGES[action](raworc, id, options.force === true);
    note(now.settled !== false ? now.state : `${now.state}, in progress`);
    return now;
  };
  const waits = action === 'resume' || action === 'recover';
  const isDone = ({ state, settled }: Session) => state !== 'error' && !(waits && settled === false);
  const changed = await step(io, `Session ${id} ${WORDS[action]}`, change, isDone);
  if (changed.state === 'error') throw new Trouble(`The session failed: ${changed.termination_reason ?? 'the server gave no reason'}`);
  if (waits && changed.settled === false)
    throw new Trouble(`The session is still starting after ${WAIT}. Check it with \`raworc session get\``);
}

export async function showSession(io: Io, raworc: Raworc, ref: string, options: { readonly json?: boolean }): Promise<void> {
  const found = await raworc.sessions.get(await findSession(raworc, ref));
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  const timeouts = Object.entries(found.timeouts ?? {}).map(([name, seconds]) => `${name.replace(/_s$/, '')} ${seconds} s`);
  const rows: (readonly [string, string | null | undefined])[] = [
    ['id', found.id],
    ['name', found.name],
    ['space', found.space],
    ['state', found.settled !== false ? found.state : `${found.state}, in progress`],
    ['reason', found.termination_reason],
    ['waits', found.waiting_reason],
    ['profile', found.profile],
    ['image', found.image],
    ['isolation', found.isolation],
    ['node', found.node],
    ['container', found.container_id],
    ['volume', found.persistent_volume_id],
    ['constraints', (found.constraints ?? []).map(written).join(' ')],
    ['preferences', (found.preferences ?? []).map(written).join(' ')],
    ['timeouts', timeouts.join(', ')],
    ['created', `${found.created_at}${found.created_by === undefined ? '' : ` by ${found.created_by}`}`],
    ['last used', found.last_activity_at],
  ];
  io.stdout.write(table(rows.flatMap(([label, value]) => (value === null || value === undefined || value === '' ? [] : [[label, value]]))));
}

/** Deletes sessions. */
export const removeSessions = (io: Io, raworc: Raworc, refs: readonly string[]): Promise<void> =>
  removeEach(io, refs, async (ref) => {
    const id = await findSession(raworc, ref);
    await raworc.sessions.delete(id);
    return id;
  });
