import type { AgentRow } from '../agents/rows.ts';
import { type Mutation, put } from '../engine/mutation.ts';
import type { View } from '../engine/view.ts';
import type { NewEvent } from '../events/events.ts';
import type { SpaceRow } from './rows.ts';

interface Changes {
  readonly mutations: readonly Mutation[];
  readonly events: readonly NewEvent[];
}

/**
 * Adds the next version of a space's secrets to these changes: guests fetch the secrets again. The
 * event does not name the secret: callers who see a space's sessions cannot always list its secrets.
 */
export function withNewSecrets(space: SpaceRow, mutations: readonly Mutation[]): Changes {
  const secretsVersion = space.secretsVersion + 1;
  return {
    mutations: [...mutations, put('spaces', { ...space, secretsVersion })],
    events: [{ type: 'secrets.changed', spaceId: space.id, sessionId: null, data: { space: space.name, secrets_version: secretsVersion } }],
  };
}

/**
 * Returns the next version of the space's secrets if this change of an agent gives agents a secret
 * or takes one from them: they get no secret that an agent names as the credential of its repository.
 */
export function withheldAnew(view: View, before: AgentRow | undefined, after: AgentRow | undefined): Changes {
  const agent = after ?? before;
  const space = agent && view.get('spaces', agent.spaceId);
  if (space === undefined || before?.sourceSecret === after?.sourceSecret) return { mutations: [], events: [] };
  const others = view.agentsIn(space.id).filter(({ id }) => id !== agent?.id);
  const names = [before?.sourceSecret, after?.sourceSecret].filter((name) => !others.some(({ sourceSecret }) => sourceSecret === name));
  const isChanged = view.secretsIn(space.id).some(({ keyName }) => names.includes(keyName));
  return isChanged ? withNewSecrets(space, []) : { mutations: [], events: [] };
}
