import { once } from 'node:events';
import type { ContainerCreateOptions } from 'dockerode';
import { docker } from '../../tests/cluster/docker.ts';

const LINE = "console.log('up')";

/**
 * Containers like a session's (image, limits, security, network, mounts of the guest), in which
 * Node.js prints a line instead of running the guest: what a session costs at least.
 */
export class BareNode {
  readonly #options: ContainerCreateOptions;
  #ids: string[] = [];

  private constructor(options: ContainerCreateOptions) {
    this.#options = options;
  }

  static async like(session: string): Promise<BareNode> {
    const { HostConfig, Config, NetworkSettings } = await docker.getContainer(`raworc_session_${session}`).inspect();
    const [NetworkMode = ''] = Object.keys(NetworkSettings.Networks);
    const [node = ''] = Config.Entrypoint ?? [];
    return new BareNode({
      ...{ Image: Config.Image, Entrypoint: [node, '-e', `${LINE}; setInterval(() => {}, 1e9)`], Cmd: [], User: Config.User },
      Labels: { 'raworc.cluster': Config.Labels['raworc.cluster'] ?? '' },
      // The disk of that session has gone; a file system in memory takes its place.
      HostConfig: { ...HostConfig, NetworkMode, Mounts: [], Tmpfs: { ...HostConfig.Tmpfs, '/session': 'rw' } },
    });
  }

  /** Resolves once the line was printed. */
  async up(): Promise<void> {
    const made = await docker.createContainer(this.#options);
    this.#ids.push(made.id);
    const output = await made.attach({ stream: true, stdout: true, logs: true });
    const printed = once(output, 'data');
    await made.start();
    await printed;
    output.removeAllListeners();
    if ('destroy' in output && typeof output.destroy === 'function') output.destroy();
  }

  /** Container ids of those that are up. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  async removeAll(): Promise<void> {
    const ids = this.#ids;
    this.#ids = [];
    for (const id of ids) await docker.getContainer(id).remove({ force: true });
  }
}
