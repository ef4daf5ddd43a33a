/** The tokens with which machines join. */
import type { Raworc } from '../../sdk/raworc.ts';
import { type Io, Misuse } from '../io.ts';
import { printList } from '../listing.ts';
import { collected } from '../reference.ts';
import { labelsOf } from './node-scheduling.ts';

/** Returns the addresses in a join token; none if it is of another version. */
function addressesIn(token: string): readonly string[] {
  try {
    const { a }: { a?: unknown } = JSON.parse(Buffer.from(token.slice(token.indexOf('_') + 1), 'base64url').toString('utf8'));
    return Array.isArray(a) && a.every((address) => typeof address === 'string') ? a : [];
  } catch {
    return [];
  }
}

const isLoopback = (address: string) => /^(127\.|localhost:|\[::1\]:)/.test(address);

export interface TokenOptions {
  readonly uses?: number;
  /** In seconds. */
  readonly expires?: number;
  /** As KEY=VALUE. */
  readonly label?: readonly string[];
  readonly tokenOnly?: boolean;
}

/** Prints the line that lets machines join, or only its token, which can be piped. */
export async function makeNodeToken(io: Io, raworc: Raworc, { uses, expires, label = [], tokenOnly = false }: TokenOptions): Promise<void> {
  const labels = Object.fromEntries(label.map(keyAndValue));
  const created = await raworc.nodeTokens.create({
    ...(uses === undefined ? {} : { uses }),
    ...(expires === undefined ? {} : { expires_in_s: expires }),
    ...(label.length === 0 ? {} : { labels }),
  });
  const { token, id, expires_at } = created;
  io.stdout.line(tokenOnly ? token : `raworc-node-agent join --token ${token}`);
  const hosts = created.uses === 1 ? 'one host' : `${created.uses} hosts`;
  const where = created.uses === 1 ? 'the host' : 'each host';
  io.stderr.line(`${tokenOnly ? '' : `Run this as root on ${where}. `}Valid for ${hosts} until ${expires_at}. It is not shown again`);
  io.stderr.line(`Revoke it with \`raworc node token revoke ${id}\``);
  const addresses = addressesIn(token);
  if (addresses.length > 0 && addresses.every(isLoopback))
    io.stderr.line(
      `The controller listens for nodes on ${addresses.join(', ')} only, so no other host can join. Set node_host and advertise in its settings, restart it, and create another token`,
    );
}

function keyAndValue(label: string): readonly [string, string] {
  const [, key, value] = /^([^=]+)=(.*)$/.exec(label) ?? [];
  if (key === undefined || value === undefined) throw new Misuse(`"${label}" is not a label. Write --label KEY=VALUE`);
  return [key, value];
}

/** Lists the tokens that can still be used. */
export async function listNodeTokens(io: Io, raworc: Raworc, { json }: { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.nodeTokens.all()), {
    json,
    none: 'No join token can be used. Create one with `raworc node token`',
    columns: ['ID', 'USED', 'EXPIRES', 'CREATED BY', 'LABELS'],
    row: (token) => [token.id, `${token.used} of ${token.uses}`, token.expires_at, token.created_by, labelsOf(token) || '-'],
  });
}

/** Revokes a token. Nodes that joined with it stay. */
export async function revokeNodeToken(io: Io, raworc: Raworc, id: string): Promise<void> {
  await raworc.nodeTokens.revoke(id);
  io.stdout.line(`${id} is revoked. Nodes that joined with it stay`);
}
