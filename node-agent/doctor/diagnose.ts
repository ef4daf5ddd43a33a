import { fileURLToPath } from 'node:url';
import { setTlsDefaults } from '../../proto/tls-defaults.ts';
import type { Clock } from '../../seams/clock.ts';
import type { FreeSpace } from '../../seams/free-space.ts';
import { print } from '../../seams/print.ts';
import type { Random } from '../../seams/random.ts';
import type { Configured } from '../configured.ts';
import { diskLowBytes } from '../disk-low.ts';
import { readHostSettings } from '../host-settings.ts';
import { readSessionSettings } from '../session/session-settings.ts';
import { runCommand } from '../volumes/command.ts';
import { examine } from './examine.ts';
import { gatherFacts } from './facts.ts';
import { hasProblem, report } from './finding.ts';
import type { ControllerPlace } from './reach.ts';

/** The packed guest, as `raworc-node-agent run` installs it. */
const GUEST = fileURLToPath(new URL('../../build/guest', import.meta.url));

/** Examines this host and prints the findings. Returns whether a node agent can run here. */
export async function diagnose(
  { flags, env }: Pick<Configured, 'flags' | 'env'>,
  place: ControllerPlace | undefined,
  deps: { readonly clock: Clock; readonly random: Random; readonly freeSpace: FreeSpace },
): Promise<boolean> {
  setTlsDefaults();
  const { diskKind: diskSetting } = readHostSettings(env);
  const lowBytes = diskLowBytes(env);
  const nameServers = readSessionSettings(env).dns;
  const given = { flags, guestDirectory: GUEST, diskSetting, lowBytes, nameServers, place, run: runCommand };
  const findings = examine(await gatherFacts({ ...deps, ...given }));
  print(report(findings));
  return !hasProblem(findings);
}
