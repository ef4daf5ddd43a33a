import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import type { Conditions } from '../../conditions.ts';
import type { Command } from '../../volumes/command.ts';
import { abortable, unless } from './client.ts';
import { RESOLV_CONF } from './container.ts';
import type { FoundContainer, SessionContainers } from './containers/session-containers.ts';
import { closeDockerResolver } from './resolver.ts';

export interface SessionResolversDeps {
  readonly containers: SessionContainers;
  readonly log: Log;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'> | undefined;
  /** Runs programs of the host. If undefined, containers can reach Docker's name server. */
  readonly run?: Command | undefined;
}

/**
 * Blocks Docker's name server in running containers, before the session's agents start: these wait
 * until their guest has connected.
 */
export class SessionResolvers {
  readonly #deps: SessionResolversDeps;
  /** The container in which the name server was blocked or cannot be, by session. */
  readonly #closed = new Map<string, string>();

  constructor(deps: SessionResolversDeps) {
    this.#deps = deps;
  }

  /**
   * Returns whether the container runs with an open name server, because its start was interrupted
   * or the node agent restarted.
   */
  isOpen(sessionId: string, found: FoundContainer | undefined): boolean {
    return this.#deps.run !== undefined && found?.container.state === 'running' && this.#closed.get(sessionId) !== found.container.id;
  }

  /** Each start has a new network namespace. */
  forget(sessionId: string): void {
    this.#closed.delete(sessionId);
  }

  async close(sessionId: string, signal: AbortSignal): Promise<void> {
    const { run, conditions, log, containers } = this.#deps;
    if (run === undefined) return;
    const looking = containers.on(sessionId, (container) => container.inspect());
    const found = await unless([404], abortable(signal, looking));
    if (found?.State.Running !== true) return;
    try {
      if (found.Mounts.some(({ Destination }) => Destination === RESOLV_CONF)) {
        await abortable(signal, closeDockerResolver(run, found.State.Pid));
        conditions?.clear('DockerDnsOpen');
      }
      this.#closed.set(sessionId, found.Id);
    } catch (error) {
      signal.throwIfAborted();
      this.#closed.set(sessionId, found.Id);
      log.warn('session.docker_dns_open', { session: sessionId, error: messageOf(error) });
      conditions?.raise({
        type: 'DockerDnsOpen',
        message: `Docker's name server, which reveals the names of other sessions, could not be blocked in a session: ${messageOf(error)}. Install iproute2 and util-linux.`,
        unschedulable: false,
      });
    }
  }

  /** Blocks the name server of these sessions in the background, one at a time. */
  async closeAll(sessionIds: readonly string[], signal: AbortSignal): Promise<void> {
    for (const id of sessionIds)
      await this.close(id, signal).catch((error: unknown) => {
        if (!signal.aborted) this.#deps.log.warn('session.docker_dns_open', { session: id, error: messageOf(error) });
      });
  }
}
