import type { Secrets__Output } from '../../../proto/generated/raworc/v0/Secrets.ts';
import type { SecretsRequest__Output } from '../../../proto/generated/raworc/v0/SecretsRequest.ts';
import type { Log } from '../../../seams/log.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { checkReporter } from '../../domain/sessions/report-fence.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { guestsSecretIn } from '../../domain/spaces/space-settings.ts';

/** Per space: the bound of a frame, and about that of a process's environment. */
const MAX_BYTES = 1024 * 1024;

export interface SecretSource {
  /**
   * Returns all secrets of a space, decrypted, with their version. Throws if one cannot be opened.
   */
  of(spaceId: SpaceId): { readonly version: number; readonly values: Readonly<Record<string, string>> };
  /**
   * Returns whether a session gets no secrets because its owner has no permission in its space any
   * more. Default: all get them.
   */
  withheldFrom?(session: Pick<SessionRow, 'createdById' | 'spaceId'>): boolean;
}

export interface SecretsDeps {
  readonly view: View;
  readonly secrets: SecretSource;
  readonly log: Log;
  /** Returns whether the operator lets a node run sessions of a space. Default: every node can. */
  mayHave?(nodeId: NodeId, spaceId: SpaceId): boolean;
}

/**
 * Returns the secrets of a session's space for its node, if the node has the session's current
 * assignment to run; otherwise version 0 and none. Returns none if the session's owner has lost
 * every permission in the space, since its code could leak them, or if they cannot be opened; the
 * node asks again later. Secrets beyond the bound are left out and logged by name.
 */
export function secretsFor(deps: SecretsDeps, nodeId: NodeId, request: SecretsRequest__Output): Secrets__Output {
  const { view, log } = deps;
  const { sessionId, generation } = request;
  const refusal: Secrets__Output = { sessionId, version: 0, values: {}, withheld: [] };
  const session = view.get('sessions', sessionId);
  const reporter = checkReporter(session, nodeId, generation);
  if (session === undefined || reporter !== 'yes' || !runsAt(session, generation)) {
    log.warn('secrets.refused', { node: nodeId, session: sessionId, reporter });
    return refusal;
  }
  if (deps.mayHave?.(nodeId, session.spaceId) === false) {
    log.warn('secrets.refused', { node: nodeId, session: sessionId, reporter: 'not-allowed' });
    return refusal;
  }
  if (deps.secrets.withheldFrom?.(session) === true) {
    log.info('secrets.withheld', { space: session.spaceId, session: sessionId });
    // With the requested version, so that the guest does not wait for it.
    return { ...refusal, version: request.version };
  }
  try {
    const { version, values } = deps.secrets.of(session.spaceId);
    const { kept, leftOut } = withinBound(values);
    if (leftOut.length > 0) log.warn('secrets.too_large', { space: session.spaceId, key: leftOut[0], leftOut: leftOut.length });
    const guests = guestsSecretIn(view.get('spaces', session.spaceId)?.settings ?? {});
    return { sessionId, version, values: kept, withheld: guests === undefined ? [] : [guests] };
  } catch (error) {
    log.error('secrets.unreadable', { space: session.spaceId, error: error instanceof Error ? error.message : String(error) });
    return refusal;
  }
}

/**
 * Only a running session with its current assignment gets secrets. An older generation is stale or
 * forged.
 */
const runsAt = ({ desired, generation }: SessionRow, named: number): boolean => desired === 'running' && named === generation;

function withinBound(values: Readonly<Record<string, string>>): { kept: Record<string, string>; leftOut: string[] } {
  const kept: [string, string][] = [];
  const leftOut: string[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(values)) {
    const size = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (bytes + size > MAX_BYTES) leftOut.push(key);
    else {
      bytes += size;
      kept.push([key, value]);
    }
  }
  return { kept: Object.fromEntries(kept), leftOut };
}
