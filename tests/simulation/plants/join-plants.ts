import type { Plant } from './plant.ts';

/** Faults in how machines join and go. */
export const JOIN_PLANTS = {
  'token used once more': {
    breaks: 'A token admits as many nodes as it has uses.',
    file: 'controller/domain/nodes/commands/join-tokens.ts',
    find: 'token.used < token.uses ?',
    replace: 'token.used <= token.uses ?',
    foundBy: { seed: 35 },
  },
  'token that does not expire': {
    breaks: 'A token admits nobody after its time.',
    file: 'controller/domain/nodes/commands/join-tokens.ts',
    find: 'if (isExpired(token, ages)) return',
    replace: 'if (isExpired(token, ages) && token.uses < 1) return',
    foundBy: { seed: 32 },
  },
  'revoked token admits': {
    breaks: 'A token that was revoked admits nobody.',
    file: 'controller/domain/nodes/commands/join-tokens.ts',
    find: 'if (token.revokedAt !== null) return refused(',
    replace: 'if (token.revokedAt === -1) return refused(',
    foundBy: { seed: 7 },
  },
  'guessed secret admits': {
    breaks: 'A token admits nobody without its secret.',
    file: 'controller/domain/nodes/commands/nodes.ts',
    find: 'if (token === undefined || token.secretHash !== input.secretHash) {',
    replace: 'if (token === undefined) {',
    foundBy: { seed: 16 },
  },
  'name taken over': {
    breaks: 'A name belongs to its key until the node is removed.',
    file: 'controller/domain/nodes/commands/nodes.ts',
    find: 'const refusal = refusedJoin(input, own, named);',
    replace: 'const refusal = named === undefined ? refusedJoin(input, own, named) : undefined;',
    foundBy: { seed: 16 },
  },
  'repeated join counted twice': {
    breaks: 'A node that repeats its request takes no second use.',
    file: 'controller/domain/nodes/commands/nodes.ts',
    find: 'if (isRepeated) return unchanged(accepted(own));',
    replace: '',
    foundBy: { test: 'tests/unit/controller/nodes/join-tokens.test.ts' },
  },
  'removed node goes on': {
    breaks: 'A node agent that learns that its node was removed stops its sessions.',
    file: 'node-agent/session/node-end.ts',
    find: 'await this.#stopSessions(REMOVAL_MS);',
    replace: '',
    foundBy: { seed: 11 },
  },
} satisfies Readonly<Record<string, Plant>>;
