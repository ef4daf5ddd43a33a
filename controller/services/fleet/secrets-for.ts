import type { Secrets__Output } from '../../../proto/generated/raworc/v0/Secrets.ts';
import type { SecretsRequest__Output } from '../../../proto/generated/raworc/v0/SecretsRequest.ts';
import type { Log } from '../../../seams/log.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { speaksFor } from '../../domain/messages/speaker.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';

/** Of one space: a frame holds no more, and no process can be given much more. */
const MAX_BYTES = 1024 * 1024;

export interface SecretSource {
  /** All secrets of a space, opened, as of its version. Throws when they cannot be opened. */
  of(spaceId: SpaceId): { readonly version: number; readonly values: Readonly<Record<string, string>> };
  /** Whether a session gets none: its creator holds no right in its space any more. Undefined: every session gets them. */
  withheldFrom?(session: Pick<SessionRow, 'createdById' | 'spaceId'>): boolean;
}

export interface SecretsDeps {
  readonly view: View;
  readonly secrets: SecretSource;
  readonly log: Log;
  /** Whether the operator lets a node have what belongs to a space. Undefined: every node has every space. */
  mayHave?(nodeId: NodeId, spaceId: SpaceId): boolean;
}

/**
 * What a node is told of a session's secrets: those of its space when it holds the session's assignment to run, of the current generation, else version 0 and none.
 * None either for a session whose creator has lost every right in the space: what still runs there could send them anywhere.
 * The same when they cannot be opened; the node asks again after a while. What is more than a process can be given is left out, and logged by name.
 */
export function secretsFor(deps: SecretsDeps, nodeId: NodeId, request: SecretsRequest__Output): Secrets__Output {
  const { view, log } = deps;
  const { sessionId, generation } = request;
  const refusal: Secrets__Output = { sessionId, version: 0, values: {} };
  const session = view.get('sessions', sessionId);
  const speaker = speaksFor(session, nodeId, generation);
  if (session === undefined || speaker !== 'yes' || !runsAt(session, generation)) {
    log.warn('secrets.refused', { node: nodeId, session: sessionId, speaker });
    return refusal;
  }
  if (deps.mayHave?.(nodeId, session.spaceId) === false) {
    log.warn('secrets.refused', { node: nodeId, session: sessionId, speaker: 'not-allowed' });
    return refusal;
  }
  if (deps.secrets.withheldFrom?.(session) === true) {
    log.info('secrets.withheld', { space: session.spaceId, session: sessionId });
    // Of the version that was asked for, so that the guest does not wait for it.
    return { sessionId, version: request.version, values: {} };
  }
  try {
    const { version, values } = deps.secrets.of(session.spaceId);
    const { kept, leftOut } = withinBound(values);
    if (leftOut.length > 0) log.warn('secrets.too_large', { space: session.spaceId, key: leftOut[0], leftOut: leftOut.length });
    return { sessionId, version, values: kept };
  } catch (error) {
    log.error('secrets.unreadable', { space: session.spaceId, error: error instanceof Error ? error.message : String(error) });
    return refusal;
  }
}

/** Only what is to run needs secrets, and only under the assignment that is in force: whoever names another has not heard of it, or makes it up. */
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
