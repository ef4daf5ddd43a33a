import { nodes, nodeToken } from '../api.ts';
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
