/**
 * `raworc-node-agent doctor`: examines this host, and its way to the controller if a token or an
 * identity names one. Exits with 1 if a node agent cannot run here.
 */
import { parseJoinToken } from '../../proto/join-token.ts';
import { messageOf } from '../../seams/message-of.ts';
import { print } from '../../seams/print.ts';
import { systemClock, systemFreeSpace, systemRandom } from '../../seams/system.ts';
import { configured, refuse } from '../configured.ts';
import type { Flags } from '../flags.ts';
import { givenToken } from '../identity/enter.ts';
import { loadIdentity } from '../identity/identity.ts';
import { diagnose } from './diagnose.ts';
import { type ControllerPlace, placeInToken, placeOfIdentity } from './reach.ts';

async function placeOf(flags: Flags): Promise<ControllerPlace | undefined> {
  const token = await givenToken(flags);
  if (token === undefined) {
    const identity = await loadIdentity(flags.dataDirectory);
    return identity === undefined ? undefined : placeOfIdentity(identity);
  }
  const parsed = parseJoinToken(token);
  return parsed.ok ? placeInToken(parsed.token) : refuse(parsed.problem);
}

const settings = configured();
try {
  const deps = { clock: systemClock, random: systemRandom, freeSpace: systemFreeSpace };
  process.exit((await diagnose(settings, await placeOf(settings.flags), deps)) ? 0 : 1);
} catch (error) {
  print(`raworc-node-agent: ${messageOf(error)}`, 'stderr');
  process.exit(1);
}
