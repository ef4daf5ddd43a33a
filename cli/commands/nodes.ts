import { node, nodes, nodeToken, orphans, session } from '../api.ts';
import type { Client } from '../client.ts';
import { type Io, size, table } from '../io.ts';

/** Prints a token with which one machine joins, and nothing else, so that it can be piped to where it is needed. */
export async function makeNodeToken(io: Io, client: Client): Promise<void> {
  const { token, expires_at } = await client.call(nodeToken, '/nodes/tokens', { method: 'POST', body: {} });
  io.stdout.write(`${token}\n`);
  io.stderr.write(`For one node, until ${expires_at}; it is not shown again\n`);
}

export async function listNodes(io: Io, client: Client, options: { readonly json?: boolean }): Promise<void> {
  const found = await client.call(nodes, '/nodes?limit=1000');
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  if (found.length === 0) {
    io.stderr.write('There are no nodes: make a token for one with `raworc node token`\n');
    return;
  }
  const rows = found.map((node) => [
    node.name,
    node.status,
    String(node.sessions),
    `${node.requested.cpu} of ${node.capacity.cpu}`,
    `${size(node.requested.memory_bytes)} of ${size(node.capacity.memory_bytes)}`,
    node.version,
  ]);
  io.stdout.write(table([['NAME', 'STATUS', 'SESSIONS', 'CPU', 'MEMORY', 'VERSION'], ...rows]));
}

const pathOf = (nodeRef: string) => `/nodes/${encodeURIComponent(nodeRef)}`;

/** Lists what a node holds and no session explains. */
export async function listOrphans(io: Io, client: Client, nodeRef: string, options: { readonly json?: boolean }): Promise<void> {
  const found = await client.call(orphans, `${pathOf(nodeRef)}/orphans?limit=1000`);
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  if (found.length === 0) {
    io.stderr.write('There are no orphans: a session explains everything on this node\n');
    return;
  }
  const rows = found.map(({ session_id, space, container_id, persistent_volume_id }) => [
    session_id,
    space ?? '-',
    container_id?.slice(0, 12) ?? '-',
    persistent_volume_id ?? '-',
  ]);
  io.stdout.write(table([['SESSION', 'SPACE', 'CONTAINER', 'VOLUME'], ...rows]));
}

/** Makes a session of an orphan, and prints its id. */
export async function adoptOrphan(io: Io, client: Client, nodeRef: string, id: string): Promise<void> {
  const path = `${pathOf(nodeRef)}/orphans/${encodeURIComponent(id)}/adopt`;
  const adopted = await client.call(session, path, { method: 'POST' });
  io.stdout.write(`${adopted.id}\n`);
}

/** Removes an orphan with its volume, for good. */
export async function discardOrphan(io: Io, client: Client, nodeRef: string, id: string): Promise<void> {
  await client.send(`${pathOf(nodeRef)}/orphans/${encodeURIComponent(id)}`, { method: 'DELETE' });
  io.stdout.write(`${id}\n`);
}

/** Gives up a node that is unreachable: its sessions fail now. */
export async function loseNode(io: Io, client: Client, nodeRef: string): Promise<void> {
  const lost = await client.call(node, `${pathOf(nodeRef)}/lost`, { method: 'POST' });
  io.stdout.write(`${lost.name} is ${lost.status}\n`);
}
