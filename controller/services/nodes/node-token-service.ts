import { createHash } from 'node:crypto';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { CreateNodeToken, NodeTokenObject } from '../../contract/nodes.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { accepted, mapped } from '../../domain/engine/outcome.ts';
import { rfc3339, rfc3339OrNull } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import { createNodeToken, revokeNodeToken } from '../../domain/nodes/commands/join-tokens.ts';
import type { NodeTokenRow } from '../../domain/nodes/rows.ts';
import { forbidden } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';

const DEFAULT_TTL_S = 3600;

export type NodeTokens = ReturnType<typeof nodeTokenService>;

export interface NodeTokenDeps {
  readonly applier: Applier;
  readonly view: Pick<View, 'openNodeTokens'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Returns the join token: addresses, the CA's hash, and the token's id and secret. */
  readonly token: (id: string, secret: string) => string;
}

export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

const nodeTokenObject = (row: NodeTokenRow): NodeTokenObject => ({
  id: row.id,
  uses: row.uses,
  used: row.used,
  labels: row.labels,
  created_by: row.createdBy,
  created_at: rfc3339(row.createdAt),
  expires_at: rfc3339(row.expiresAt),
  last_used_at: rfc3339OrNull(row.usedAt),
});

export function nodeTokenService({ applier, view, clock, random, token }: NodeTokenDeps) {
  return {
    /**
     * Creates a join token; only this answer contains it. It includes the CA's hash and the
     * controller's address.
     */
    async create(caller: Caller, { expires_in_s = DEFAULT_TTL_S, uses = 1, labels = {} }: CreateNodeToken) {
      if (!caller.permissions.allows('nodes', 'create', null)) return forbidden('nodes', 'create');
      const id = random.uuid();
      const secret = Buffer.from(random.bytes(32)).toString('base64url');
      const input = { id, secretHash: hashOf(secret), ttlMs: 1000 * expires_in_s, uses, labels, user: caller.user };
      const created = await applier.submit(createNodeToken(input), caller);
      return mapped(created, (row) => ({ ...nodeTokenObject(row), token: token(id, secret) }));
    },
    /** Lists the tokens that can still be used. */
    list(caller: Caller, { limit, offset, order = 'desc' }: PageRequest) {
      if (!caller.permissions.allows('nodes', 'list', null)) return forbidden('nodes', 'list');
      const all = [...view.openNodeTokens(clock.now())];
      if (order === 'desc') all.reverse();
      return accepted({ items: all.slice(offset, offset + limit).map(nodeTokenObject), total: all.length });
    },
    /** 404 unless the token can still be used. */
    async revoke(caller: Caller, id: string) {
      if (!caller.permissions.allows('nodes', 'create', null)) return forbidden('nodes', 'create');
      return applier.submit(revokeNodeToken(id), caller);
    },
  };
}
