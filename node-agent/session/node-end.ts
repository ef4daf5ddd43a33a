import type { Outbox } from '../control/outbox.ts';
import type { Relay } from '../guests/relay.ts';
import type { Tunnels } from '../streams/tunnels.ts';
import type { Discovery } from './discovery.ts';
import type { Sessions } from './sessions.ts';
import { removeContainers, type ShutdownDeps } from './shutdown.ts';

/** How long the removal of all containers of a removed node can take. */
export const REMOVAL_MS = 120_000;

/** Why the node agent ended: the controller shut it down or removed the node, or it cannot continue. */
export type NodeEnd = { readonly why: 'shutdown' | 'removed' } | { readonly why: 'fault'; readonly error: unknown };

export interface NodeEnderDeps extends ShutdownDeps {
  readonly discovery: Pick<Discovery, 'stop'>;
  readonly sessions: Pick<Sessions, 'close'>;
  readonly tunnels: Pick<Tunnels, 'close'>;
  readonly relay: Pick<Relay, 'close'>;
  readonly outbox: Pick<Outbox, 'keep'>;
  readonly signal: AbortSignal;
  /** Records durably that the controller removed this node. */
  readonly recordRemoval: (() => Promise<void>) | undefined;
  end(end: NodeEnd): void;
}

/** Ends a node agent's work at the controller's request. Disks stay. */
export class NodeEnder {
  readonly #deps: NodeEnderDeps;
  #isRemoved = false;

  constructor(deps: NodeEnderDeps) {
    this.#deps = deps;
  }

  async shutDown(graceMs: number): Promise<void> {
    this.#deps.log.info('node.shutting-down', { graceMs });
    await this.#stopSessions(graceMs);
    this.#deps.outbox.keep('shutdown-done', { kind: 'shutdownDone', value: {} });
    this.#deps.end({ why: 'shutdown' });
  }

  /**
   * The controller removed this node, so its sessions are not its own any more. The removal is
   * recorded first: no later start runs them again.
   */
  removed(reason: string): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    const { log, recordRemoval, end } = this.#deps;
    log.error('node.removed', { error: reason });
    const stop = async () => {
      await recordRemoval?.();
      await this.#stopSessions(REMOVAL_MS);
      end({ why: 'removed' });
    };
    stop().catch((error: unknown) => end({ why: 'fault', error }));
  }

  async #stopSessions(graceMs: number): Promise<void> {
    const { discovery, sessions, tunnels, relay, signal } = this.#deps;
    discovery.stop();
    await sessions.close();
    tunnels.close();
    relay.close();
    await removeContainers(this.#deps, graceMs, signal);
  }
}
