import type { Raworc } from '../../sdk/raworc.ts';
import type { Io } from '../io.ts';
import { printList } from '../listing.ts';
import { collected } from '../reference.ts';
import { removeEach } from '../removal.ts';

interface InSpace {
  readonly space: string;
}

export async function listAgents(io: Io, raworc: Raworc, { space, json }: InSpace & { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.agents.all(space)), {
    json,
    none: `No agents in space ${space}. Deploy one with \`raworc agent deploy\``,
    columns: ['NAME', 'STATUS', 'REPOSITORY', 'UPDATED', 'PURPOSE'],
    row: ({ name, status, source_repo, source_commit, updated_at, purpose }) => [
      name,
      status,
      placeOf(source_repo, source_commit),
      updated_at,
      purpose ?? '-',
    ],
  });
}

function placeOf(repository: string | null, commit: string | null | undefined): string {
  if (repository === null) return '-';
  return commit == null ? repository : `${repository} at ${commit.slice(0, 12)}`;
}

/** Deletes agents from a space. */
export const removeAgents = (io: Io, raworc: Raworc, names: readonly string[], { space }: InSpace): Promise<void> =>
  removeEach(io, names, async (name) => {
    await raworc.agents.delete(space, name);
    return name;
  });

/** Stops an agent in every session until it is deployed again. */
export async function stopAgent(io: Io, raworc: Raworc, name: string, { space }: InSpace): Promise<void> {
  const { status } = await raworc.agents.stop(space, name);
  io.stdout.line(`${name} is ${status}`);
}
