import type { Raworc } from '../../sdk/raworc.ts';
import { type Io, size } from '../io.ts';
import { printList } from '../listing.ts';
import { collected } from '../reference.ts';

/** Prints a token with which one machine joins, and nothing else, so that it can be piped to where it is needed. */
export async function makeNodeToken(io: Io, raworc: Raworc): Promise<void> {
  const { token, expires_at } = await raworc.nodes.createToken({});
  io.stdout.write(`${token}\n`);
  io.stderr.write(`For one node, until ${expires_at}; it is not shown again\n`);
}

export async function listNodes(io: Io, raworc: Raworc, { json }: { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.nodes.all()), {
    json,
    none: 'There are no nodes: make a token for one with `raworc node token`',
    columns: ['NAME', 'STATUS', 'SESSIONS', 'CPU', 'MEMORY', 'VERSION'],
    row: (node) => [
      node.name,
      node.status,
      String(node.sessions),
      `${node.requested.cpu} of ${node.capacity.cpu}`,
      `${size(node.requested.memory_bytes)} of ${size(node.capacity.memory_bytes)}`,
      node.version,
    ],
  });
}

/** Lists what a node holds and no session explains. */
export async function listOrphans(io: Io, raworc: Raworc, node: string, { json }: { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.orphans.all(node)), {
    json,
    none: 'There are no orphans: a session explains everything on this node',
    columns: ['SESSION', 'SPACE', 'CONTAINER', 'VOLUME'],
    row: ({ session_id, space, container_id, persistent_volume_id }) => [
      session_id,
      space ?? '-',
      container_id?.slice(0, 12) ?? '-',
      persistent_volume_id ?? '-',
    ],
  });
}

/** Makes a session of an orphan, and prints its id. */
export async function adoptOrphan(io: Io, raworc: Raworc, node: string, id: string): Promise<void> {
  const adopted = await raworc.orphans.adopt(node, id);
  io.stdout.write(`${adopted.id}\n`);
}

/** Removes an orphan with its volume, for good. */
export async function discardOrphan(io: Io, raworc: Raworc, node: string, id: string): Promise<void> {
  await raworc.orphans.delete(node, id);
  io.stdout.write(`${id}\n`);
}

/** Gives up a node that is unreachable: its sessions fail now. */
export async function loseNode(io: Io, raworc: Raworc, node: string): Promise<void> {
  const lost = await raworc.nodes.lose(node);
  io.stdout.write(`${lost.name} is ${lost.status}\n`);
}
