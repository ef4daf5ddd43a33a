import type { Random } from '../../../seams/random.ts';
import { changeNode } from '../../contract/nodes.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { UNKNOWN_TOKEN } from '../../domain/nodes/commands/join-tokens.ts';
import { joinNode } from '../../domain/nodes/commands/nodes.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import type { Attributed } from '../audit/audit-record.ts';
import type { Applier } from '../engine/applier.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { hashOf } from './node-token-service.ts';

/** Refuses a token of another controller. {@link joinNode} checks the rest. */
export function knownToken(
  view: Pick<View, 'get'>,
  { tokenId, tokenSecret }: { tokenId: string; tokenSecret: string },
): Outcome<undefined> {
  const token = view.get('nodeTokens', tokenId);
  return token?.secretHash === hashOf(tokenSecret) ? accepted(undefined) : UNKNOWN_TOKEN;
}

export interface JoinDeps {
  readonly applier: Applier;
  readonly fleet: Pick<Fleet, 'isConnected'>;
  readonly random: Random;
}

/** Uses a node's token and creates its row. The caller issues the certificate. */
export function joinWith(
  deps: JoinDeps,
  request: {
    readonly tokenId: string;
    readonly tokenSecret: string;
    readonly nodeName: string;
    readonly keyHash: string;
    readonly labels: Readonly<Record<string, string>>;
  },
  caller?: Attributed,
): Promise<Outcome<NodeRow>> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(request.nodeName)) {
    return Promise.resolve(
      refused(
        'UNPROCESSABLE_ENTITY',
        `"${request.nodeName}" is not a valid node name. Choose a --name of at most 63 letters, digits, "_", "." and "-".`,
      ),
    );
  }
  // Its path in REST belongs to the join tokens.
  if (request.nodeName === 'tokens')
    return Promise.resolve(refused('UNPROCESSABLE_ENTITY', 'The node name "tokens" is reserved. Choose another --name.'));
  const { data, error } = changeNode.safeParse({ labels: request.labels });
  if (error !== undefined)
    return Promise.resolve(refused('UNPROCESSABLE_ENTITY', `A label is invalid: ${error.issues[0]?.message ?? 'unknown reason'}.`));
  return deps.applier.submit(
    joinNode({
      id: deps.random.uuid() as NodeId,
      name: request.nodeName,
      tokenId: request.tokenId,
      secretHash: hashOf(request.tokenSecret),
      keyHash: request.keyHash,
      labels: data.labels ?? {},
      isConnected: (id) => deps.fleet.isConnected(id),
    }),
    caller,
  );
}
