/**
 * `raworc-node-agent join`: examines this host, joins the token's cluster, and runs the node agent
 * as a service. If the host is not fit, the token is not used.
 */
import { parseJoinToken } from '../../proto/join-token.ts';
import { setTlsDefaults } from '../../proto/tls-defaults.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { print } from '../../seams/print.ts';
import { systemClock, systemFreeSpace, systemRandom } from '../../seams/system.ts';
import { hasSystemd, startUnit, stopUnit } from '../../systemd/install.ts';
import { type Configured, configured, refuse } from '../configured.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { placeInToken } from '../doctor/reach.ts';
import { claimData, enterCluster, givenToken } from '../identity/enter.ts';
import { type Identity, loadIdentity } from '../identity/identity.ts';
import { installOwn, ownUnit, reachesController, serviceArgs } from '../service/service.ts';
import { UNIT } from '../service/unit.ts';

/** What an operator has to see goes to standard error. The result is printed. */
const warnings: Log = {
  debug() {},
  info() {},
  warn: (_event, fields) => print(`raworc-node-agent: ${fields?.error ?? ''}`, 'stderr'),
  error: (_event, fields) => print(`raworc-node-agent: ${fields?.error ?? ''}`, 'stderr'),
};

async function join({ flags, env, given, file }: Configured): Promise<number> {
  const token = await givenToken(flags);
  if (token === undefined && flags.tokenFile !== undefined) return refuse(`there is no file ${flags.tokenFile} with a join token`);
  if (token === undefined) return refuse('a join token is missing: create one with `raworc node token`, and pass --token or --token-file');
  const parsed = parseJoinToken(token);
  if (!parsed.ok) return refuse(parsed.problem);
  // An invalid unit is found before the token is used.
  const unit = hasSystemd() ? ownUnit(given, file, true) : undefined;
  const deps = { clock: systemClock, random: systemRandom, freeSpace: systemFreeSpace };
  if (!(await diagnose({ flags, env }, placeInToken(parsed.token), deps))) {
    print('This host has not joined, and the token is unused. Follow the arrows above, then repeat the command.', 'stderr');
    return 1;
  }
  const known = await loadIdentity(flags.dataDirectory);
  // The service of a node that joins again uses the data directory. It starts again in any case.
  const hasStopped = unit !== undefined && known !== undefined && (await stopUnit(UNIT));
  let code = 1;
  try {
    code = await enter({ flags, given, file, unit, token, tokenId: parsed.token.id, known });
  } finally {
    if (code !== 0 && hasStopped) await startUnit(UNIT);
  }
  return code;
}

interface Entry extends Pick<Configured, 'flags' | 'given' | 'file'> {
  readonly unit: string | undefined;
  readonly token: string;
  readonly tokenId: string;
  readonly known: Identity | undefined;
}

/** Joins, and starts the service where there is systemd. Returns the exit code. */
async function enter({ flags, given, file, unit, token, tokenId, known }: Entry): Promise<number> {
  const claim = await claimData(flags.dataDirectory).catch((error: unknown) => {
    if (known === undefined) throw error;
    throw new Error(`this host is already the node "${known.name}" of cluster ${known.clusterId}, and ${messageOf(error)}`);
  });
  const identity = await enterCluster(flags, token, { clock: systemClock, log: warnings }).finally(() => claim.close());
  if (identity.tokenId !== tokenId) {
    print(
      `This host stays the node "${identity.name}" of cluster ${identity.clusterId}, as it joined before. To run it: raworc-node-agent install`,
      'stderr',
    );
    return 1;
  }
  print(
    known?.tokenId === identity.tokenId ? `This host already joined as ${identity.name}.` : `This host has joined as ${identity.name}.`,
  );
  if (unit === undefined) {
    print(
      `systemd does not manage it. Run the node agent under your own supervisor:\nraworc-node-agent run ${serviceArgs(given, file).join(' ')}`,
    );
    return 0;
  }
  const unitFile = await installOwn(unit);
  if (await reachesController(systemClock))
    print(`The node agent runs and is connected to the controller. Its unit is ${unitFile}, its log: journalctl -u raworc-node-agent`);
  else
    print(
      `The node agent runs, but has not reached the controller yet. Read journalctl -u raworc-node-agent. Its unit is ${unitFile}`,
      'stderr',
    );
  return 0;
}

setTlsDefaults();
process.exit(
  await join(configured()).catch((error: unknown) => {
    print(`raworc-node-agent: ${messageOf(error)}`, 'stderr');
    return 1;
  }),
);
