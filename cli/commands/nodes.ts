import { type Node, type Raworc, RaworcError } from '../../sdk/raworc.ts';
import { type Io, size, Trouble, table } from '../io.ts';
import { printList } from '../listing.ts';
import { collected } from '../reference.ts';
import { labelsOf } from './node-scheduling.ts';

export async function listNodes(io: Io, raworc: Raworc, { json }: { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.nodes.all()), {
    json,
    none: 'No nodes. Create a token for one with `raworc node token`',
    columns: ['NAME', 'STATUS', 'SESSIONS', 'CPU', 'MEMORY', 'VERSION', 'CONDITIONS'],
    row: (node) => [
      node.name,
      node.status,
      String(node.sessions),
      cpuOf(node),
      memoryOf(node),
      node.version,
      troubles(node).join(', ') || '-',
    ],
  });
}

/** Every node has the condition DiskKind, which is not a problem. */
const troubles = ({ conditions }: Node): string[] => conditions.map(({ type }) => type).filter((type) => type !== 'DiskKind');
const cpuOf = ({ requested, capacity }: Node): string => `${requested.cpu} of ${capacity.cpu}`;
const memoryOf = ({ requested, capacity }: Node): string => `${size(requested.memory_bytes)} of ${size(capacity.memory_bytes)}`;

/** Shows one node and explains its conditions. */
export async function showNode(io: Io, raworc: Raworc, ref: string, { json }: { readonly json?: boolean }): Promise<void> {
  const node = await raworc.nodes.get(ref);
  if (json === true) {
    io.stdout.write(`${JSON.stringify(node, null, 2)}\n`);
    return;
  }
  const { sessions } = node.capacity;
  io.stdout.write(
    table([
      ['id', node.id],
      ['name', node.name],
      ['status', node.status],
      ['sessions', sessions === null ? String(node.sessions) : `${node.sessions} of ${sessions}`],
      ['cpu', cpuOf(node)],
      ['memory', memoryOf(node)],
      ['labels', labelsOf(node) || '-'],
      ['address', node.address ?? '-'],
      ['version', node.version],
      ['platform', node.platform ?? '-'],
      ['certificate', node.certificate ? `expires ${node.certificate.expires_at}` : '-'],
      ['joined', node.joined_at],
      ['last seen', node.last_seen_at ?? '-'],
      ...node.conditions.map(({ type, message, since }) => [type, since === undefined ? message : `${message} (since ${since})`]),
    ]),
  );
}

/** Lists containers and volumes on a node that belong to no session. */
export async function listOrphans(io: Io, raworc: Raworc, node: string, { json }: { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.orphans.all(node)), {
    json,
    none: 'No orphans: everything on this node belongs to a session',
    columns: ['SESSION', 'SPACE', 'CONTAINER', 'VOLUME'],
    row: ({ session_id, space, container_id, persistent_volume_id }) => [
      session_id,
      space ?? '-',
      container_id?.slice(0, 12) ?? '-',
      persistent_volume_id ?? '-',
    ],
  });
}

/** Turns an orphan into a session and prints its id. */
export async function adoptOrphan(io: Io, raworc: Raworc, node: string, id: string): Promise<void> {
  const adopted = await raworc.orphans.adopt(node, id);
  io.stdout.line(adopted.id);
}

/** Deletes an orphan with its volume. */
export async function discardOrphan(io: Io, raworc: Raworc, node: string, id: string): Promise<void> {
  await raworc.orphans.delete(node, id);
  io.stdout.line(id);
}

/** Removes a node from the cluster. */
export async function removeNode(io: Io, raworc: Raworc, ref: string, { lost = false }: { readonly lost?: boolean }): Promise<void> {
  try {
    await raworc.nodes.delete(ref, lost ? { lost } : {});
  } catch (error) {
    if (lost || !(error instanceof RaworcError) || error.status !== 409) throw error;
    // The API names its parameter.
    throw new Trouble(error.message.replace('send lost=true', 'use `raworc node remove --lost`'));
  }
  io.stdout.line(`${ref} is removed`);
}

/** Gives up an unreachable node: its sessions fail now. */
export async function loseNode(io: Io, raworc: Raworc, node: string): Promise<void> {
  const lost = await raworc.nodes.lose(node);
  io.stdout.line(`${lost.name} is ${lost.status}`);
}
