import type { Raworc } from '../../../sdk/raworc.ts';
import { type Io, table } from '../../io.ts';
import { printList } from '../../listing.ts';
import { collected } from '../../reference.ts';
import { removeEach } from '../../removal.ts';
import { scheduleRows, schedulingIn } from './space-scheduling.ts';

export async function listSpaces(io: Io, raworc: Raworc, { json }: { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.spaces.all()), {
    json,
    none: 'No spaces that you can see',
    columns: ['NAME', 'ACTIVE', 'CREATED', 'DESCRIPTION'],
    row: ({ name, active, created_at, description }) => [name, active ? 'yes' : 'no', created_at, description ?? '-'],
  });
}

/** Prints a space, where its sessions run, and its other settings. */
export async function showSpace(io: Io, raworc: Raworc, name: string, { json }: { readonly json?: boolean }): Promise<void> {
  const found = await raworc.spaces.get(name);
  if (json === true) return void io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  const { scheduling: _, ...others } = found.settings;
  io.stdout.write(
    table([
      ['name', found.name],
      ['description', found.description ?? '-'],
      ['active', found.active ? 'yes' : 'no'],
      ['created', `${found.created_at} by ${found.created_by}`],
      ...scheduleRows(schedulingIn(found.settings)),
      ...Object.entries(others).map(([setting, value]) => [setting, JSON.stringify(value)] as const),
    ]),
  );
}

/** Creates a space and prints its name. */
export async function newSpace(io: Io, raworc: Raworc, name: string, options: { readonly description?: string }): Promise<void> {
  const made = await raworc.spaces.create({ name, ...options });
  io.stdout.line(made.name);
}

/** Deletes spaces that have no sessions, with their agents and secrets. */
export const removeSpaces = (io: Io, raworc: Raworc, names: readonly string[]): Promise<void> =>
  removeEach(io, names, async (name) => {
    await raworc.spaces.delete(name);
    return name;
  });
