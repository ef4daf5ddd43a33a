import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import type { Command } from '../../volumes/command.ts';

/** Docker's name server inside each container, which resolves other containers' names. */
const ADDRESS = '127.0.0.11';
/** The table of a network namespace's own addresses, in which the most specific route counts. */
const LOCAL = 'local';

/**
 * Blocks Docker's name server in the container of process `pid`. Otherwise a process that ignores
 * /etc/resolv.conf could use it.
 */
export async function closeDockerResolver(run: Command, pid: number): Promise<void> {
  await run('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', 'route', 'replace', 'unreachable', `${ADDRESS}/32`, 'table', LOCAL]);
}

/**
 * The same for a build, which runs all the same on a host that cannot, for lack of a program: the
 * host's first session shows that as a condition.
 */
export const closeResolverOfBuild = (run: Command, pid: number, log: Pick<Log, 'warn'>): Promise<void> =>
  closeDockerResolver(run, pid).catch((error: unknown) => log.warn('build.docker_dns_open', { error: messageOf(error) }));
