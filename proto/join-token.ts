import { z } from 'zod';

/** Everything that a new node needs to find the controller, verify it, and join. */
export interface JoinToken {
  /** `host:port` of the listeners that answer Join. */
  readonly joinAddresses: readonly string[];
  /** `host:port` of the listeners for joined nodes. */
  readonly nodeAddresses: readonly string[];
  /** SHA-256 of the CA certificate's DER, in lower-case hex. */
  readonly caHash: string;
  readonly id: string;
  /** Known only to the bearer; the controller stores a hash. */
  readonly secret: string;
}

const PREFIX = 'rwn_';
const MAX_LENGTH = 4096;

function isAddress(text: string): boolean {
  const match = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})$/.exec(text);
  const port = Number(match?.[1]);
  return port >= 1 && port <= 65_535;
}

const address = z.string().refine(isAddress);
const addresses = z.array(address).min(1).max(16);
const word = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
const shape = z.object({ a: addresses, n: addresses, h: z.string().regex(/^[0-9a-f]{64}$/), i: word, s: word });

/**
 * Encodes a token. Throws for parts that {@link parseJoinToken} would refuse, so that a bad address
 * in the settings fails on the controller instead of on the node.
 */
export function encodeJoinToken(token: JoinToken): string {
  const parts = { a: token.joinAddresses, n: token.nodeAddresses, h: token.caHash, i: token.id, s: token.secret };
  const problem = shape.safeParse(parts).error?.issues[0];
  if (problem !== undefined) throw new Error(`cannot encode the join token: ${problem.path.join('.')} is invalid`);
  return `${PREFIX}${Buffer.from(JSON.stringify(parts)).toString('base64url')}`;
}

export type ParsedJoinToken =
  | { readonly ok: true; readonly token: JoinToken }
  /** One sentence for the operator, without any part of the token. */
  | { readonly ok: false; readonly problem: string };

const bad = (problem: string): ParsedJoinToken => ({ ok: false, problem });

/** Parses a token. Ignores surrounding whitespace, which copying adds. */
export function parseJoinToken(text: string): ParsedJoinToken {
  const trimmed = text.trim();
  if (trimmed === '') return bad('The join token is empty.');
  if (!trimmed.startsWith(PREFIX)) return bad(`A join token starts with ${PREFIX}. Create one with "raworc node token".`);
  const body = trimmed.slice(PREFIX.length);
  if (trimmed.length > MAX_LENGTH || !/^[A-Za-z0-9_-]+$/.test(body))
    return bad('The join token contains invalid characters. Copy it again.');
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  } catch {
    return bad('The join token is incomplete or damaged. Copy all of it again.');
  }
  const parsed = shape.safeParse(parts);
  if (!parsed.success)
    return bad('The join token is damaged, or comes from another version of Raworc. Create a new one with "raworc node token".');
  const { a, n, h, i, s } = parsed.data;
  return { ok: true, token: { joinAddresses: a, nodeAddresses: n, caHash: h, id: i, secret: s } };
}
