import { parseJoinToken } from '../../proto/join-token.ts';
import type { Log } from '../../seams/log.ts';
import type { Identity } from './identity.ts';
import { JoinError } from './join.ts';

export interface OwnIdentityDeps {
  /** The identity from an earlier join, expired or not. */
  readonly known: Identity | undefined;
  /** The join token given at this start; undefined if there was none, or its file is missing. */
  readonly token: string | undefined;
  readonly log: Log;
  join(token: string): Promise<Identity>;
}

/**
 * Returns this node's identity. A given token is used, unless this node joined with it before, as
 * when the same command starts again. If it cannot be used, a machine that has joined keeps its
 * identity, and its key renews an expired certificate.
 */
export async function ownIdentity({ known, token, log, join }: OwnIdentityDeps): Promise<Identity> {
  if (token === undefined) {
    if (known !== undefined) return known;
    throw new Error(
      'this machine has not joined a cluster yet. Run the command that `raworc node token` prints, or pass its token with --token-file',
    );
  }
  const parsed = parseJoinToken(token);
  if (known !== undefined && parsed.ok && parsed.token.id === known.tokenId) return known;
  try {
    return await join(token);
  } catch (error) {
    if (known === undefined || !(error instanceof JoinError)) throw error;
    log.warn('node.token_not_used', {
      error: error.message,
      node: known.nodeId,
      certificate_expires_at: new Date(known.expiresAtMs).toISOString(),
    });
    return known;
  }
}
