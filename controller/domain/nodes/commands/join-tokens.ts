/** The tokens with which machines join: created, listed while they can be used, and revoked. */
import { MAX_LABELS, MAX_OPEN_NODE_TOKENS } from '../../../contract/nodes.ts';
import type { Ages } from '../../engine/agreed-time.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, type Refused, refused } from '../../engine/outcome.ts';
import type { NodeTokenRow } from '../rows.ts';

const AGAIN = 'Create a new one with `raworc node token`.';

export const UNKNOWN_TOKEN = refused('UNAUTHORIZED', `This join token belongs to another controller or expired long ago. ${AGAIN}`);
const NO_TOKEN = refused('NOT_FOUND', 'There is no such join token, or it is used up, expired or revoked.');

export interface NewToken {
  readonly id: string;
  readonly secretHash: string;
  readonly ttlMs: number;
  readonly uses: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
}

export function createNodeToken({ id, secretHash, ttlMs, uses, labels, user }: NewToken): Command<Outcome<NodeTokenRow>> {
  return {
    name: 'create-node-token',
    grows: true,
    decide({ view, now }) {
      if (view.countOpenNodeTokens(now) >= MAX_OPEN_NODE_TOKENS) {
        const message = `${MAX_OPEN_NODE_TOKENS} join tokens are still valid, which is the maximum. Revoke unused ones first.`;
        return unchanged(refused('CONFLICT', message));
      }
      const row: NodeTokenRow = {
        ...{ id, secretHash, expiresAt: now + ttlMs, uses, used: 0, usedAt: null, labels, revokedAt: null },
        ...{ createdBy: user, createdAt: now },
      };
      return { mutations: [put('nodeTokens', row)], events: [], result: accepted(row) };
    },
  };
}

/** Revokes a token. Nodes that joined with it stay. */
export function revokeNodeToken(id: string): Command<Outcome<undefined>> {
  return {
    name: 'revoke-node-token',
    decide({ view, now, ages }) {
      const token = view.get('nodeTokens', id);
      if (token === undefined || refusedUse(token, ages) !== undefined) return unchanged(NO_TOKEN);
      return { mutations: [put('nodeTokens', { ...token, revokedAt: now })], events: [], result: accepted(undefined) };
    },
  };
}

/** Returns why no machine can join with a token now, or undefined. */
export function refusedUse(token: NodeTokenRow, ages: Ages): Refused | undefined {
  return refusedAtAll(token, ages) ?? (token.used < token.uses ? undefined : refused('UNAUTHORIZED', usedUp(token)));
}

/** Like {@link refusedUse}, for a node that already used the token and repeats its request. */
export function refusedAtAll(token: NodeTokenRow, ages: Ages): Refused | undefined {
  if (token.revokedAt !== null) return refused('UNAUTHORIZED', `This join token was revoked. ${AGAIN}`);
  if (isExpired(token, ages)) return refused('UNAUTHORIZED', `This join token has expired. ${AGAIN}`);
  return undefined;
}

/** Counts time that passed since the token's creation, so that setting the clock expires no token. */
const isExpired = ({ createdAt, expiresAt }: NodeTokenRow, ages: Ages) => ages.ageMs(createdAt) >= expiresAt - createdAt;

const usedUp = ({ uses }: NodeTokenRow): string =>
  uses === 1 ? `This join token was already used. ${AGAIN}` : `All ${uses} uses of this join token are taken. ${AGAIN}`;

/** Returns the labels of a node that joins; undefined if they are too many together. */
export function joinedLabels(
  before: Readonly<Record<string, string>> | undefined,
  asked: Readonly<Record<string, string>> | undefined,
  { labels }: NodeTokenRow,
): Readonly<Record<string, string>> | undefined {
  const all = { ...before, ...asked, ...labels };
  return Object.keys(all).length > MAX_LABELS ? undefined : all;
}
