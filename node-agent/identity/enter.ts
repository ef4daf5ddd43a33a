import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../seams/clock.ts';
import { type FileLock, lockFile } from '../../seams/file-lock.ts';
import type { Log } from '../../seams/log.ts';
import { makePrivateDirectory } from '../../seams/private-file.ts';
import type { Flags } from '../flags.ts';
import { type Identity, loadIdentity } from './identity.ts';
import { joinWithToken } from './join.ts';
import { ownIdentity } from './own-identity.ts';

/**
 * Locks the data directory: a second process with the same data would act as the same node and
 * write to the same ledger, even in another namespace.
 */
export async function claimData(directory: string): Promise<FileLock> {
  await makePrivateDirectory(directory);
  const lock = await lockFile(join(directory, 'node-agent.lock'));
  if (lock === undefined) throw new Error(`another node agent uses ${directory}. Stop it first, or name another directory with --data`);
  return lock;
}

/** Returns the token of --token or --token-file; undefined if its file is missing. */
export async function givenToken({ token, tokenFile }: Flags): Promise<string | undefined> {
  if (token !== undefined) return token;
  if (tokenFile === '-') return (await text(process.stdin)).trim();
  return tokenFile !== undefined && existsSync(tokenFile) ? (await readFile(tokenFile, 'utf8')).trim() : undefined;
}

/** Returns this node's identity, and joins the token's cluster for it if it has to. */
export async function enterCluster(
  flags: Flags,
  token: string | undefined,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Identity> {
  const known = await loadIdentity(flags.dataDirectory);
  return ownIdentity({
    known,
    token,
    log,
    join(given) {
      const nodeName = flags.name ?? known?.name ?? hostname();
      const signal = new AbortController().signal;
      return joinWithToken({ token: given, nodeName, labels: flags.labels, directory: flags.dataDirectory, clock, log, signal });
    },
  });
}
