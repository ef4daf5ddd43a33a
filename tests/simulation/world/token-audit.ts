import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { NodeRow } from '../../../controller/domain/nodes/rows.ts';

/** Of the controller's times: a batch is decided a little before it is committed. */
const SLACK_MS = 5_000;

interface KnownToken {
  readonly sinceMs: number;
  readonly ttlMs: number;
  readonly uses: number;
  readonly joined: Set<string>;
  revokedMs: number | undefined;
}

export interface TokenAuditDeps {
  readonly nowMs: () => number;
  readonly violation: (what: string) => void;
}

/** Counts what join tokens admit, and judges every node that joins, at its commit. */
export class TokenAudit {
  readonly #deps: TokenAuditDeps;
  readonly #tokens = new Map<string, KnownToken>();
  readonly #nodes = new Map<string, NodeRow>();

  constructor(deps: TokenAuditDeps) {
    this.#deps = deps;
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'nodes') this.#node(mutation.row);
      if (mutation.table !== 'nodeTokens') continue;
      const { id, createdAt, expiresAt, uses, revokedAt } = mutation.row;
      const nowMs = this.#deps.nowMs();
      const known = this.#tokens.get(id) ?? {
        ...{ sinceMs: nowMs, ttlMs: expiresAt - createdAt, uses, joined: new Set<string>(), revokedMs: undefined },
      };
      this.#tokens.set(id, known);
      if (revokedAt !== null) known.revokedMs ??= nowMs;
    }
  }

  /** No token of before is good any more. */
  restored(view: Pick<View, 'nodes'>): void {
    for (const token of this.#tokens.values()) token.revokedMs ??= this.#deps.nowMs();
    this.#nodes.clear();
    for (const row of view.nodes()) this.#nodes.set(row.id, row);
  }

  /** Returns why a token need not admit this key now; undefined if it must, by any reckoning. */
  excuse(id: string, key: string): string | undefined {
    const token = this.#tokens.get(id);
    if (token === undefined) return 'it is unknown';
    if (token.revokedMs !== undefined) return 'it was revoked';
    if (this.#deps.nowMs() - token.sinceMs > token.ttlMs - SLACK_MS) return 'it expires';
    return token.joined.has(key) || token.joined.size < token.uses ? undefined : 'it is used up';
  }

  #node(row: NodeRow): void {
    const before = this.#nodes.get(row.id);
    this.#nodes.set(row.id, row);
    const { joinToken, keyHash, name } = row;
    if (joinToken === null || keyHash === null || before?.joinToken === joinToken) return;
    const { nowMs, violation } = this.#deps;
    const token = this.#tokens.get(joinToken);
    if (token === undefined) return violation(`${name} joined with a token that nobody created`);
    token.joined.add(keyHash);
    if (token.joined.size > token.uses) violation(`${token.joined.size} nodes joined with a token of ${token.uses} uses`);
    const ageMs = nowMs() - token.sinceMs;
    if (ageMs > token.ttlMs + SLACK_MS) violation(`${name} joined with a token of ${ageMs} ms, which was valid for ${token.ttlMs}`);
    if (token.revokedMs !== undefined && token.revokedMs < nowMs()) violation(`${name} joined with a token that was revoked`);
    if (before !== undefined && before.keyHash !== null && before.keyHash !== keyHash)
      violation(`a machine with another key took the place of ${before.name}`);
  }
}
