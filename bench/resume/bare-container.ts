import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ContainerCreateOptions } from 'dockerode';
import { docker } from '../../tests/cluster/docker.ts';

const run = promisify(execFile);

/**
 * A container that costs the engine as much as a session's (image, limits, mounts, network,
 * security) and has a volume, but runs nothing of Raworc: the baseline of any wait. The cluster's
 * tear-down removes it by its label.
 */
export class BareContainer {
  readonly #options: ContainerCreateOptions;
  #id = '';

  private constructor(options: ContainerCreateOptions) {
    this.#options = options;
  }

  static async like(session: string, clusterId: string): Promise<BareContainer> {
    const { HostConfig, Config, NetworkSettings } = await docker.getContainer(`raworc_session_${session}`).inspect();
    const labels = { 'raworc.cluster': clusterId };
    const volume = `raworc_bench_${session}`;
    await docker.createVolume({ Name: volume, Labels: labels });
    const [network = ''] = Object.keys(NetworkSettings.Networks);
    return new BareContainer({
      ...{ Image: Config.Image, Entrypoint: ['sleep'], Cmd: ['infinity'], User: Config.User, Labels: labels },
      HostConfig: {
        ...HostConfig,
        NetworkMode: network,
        Mounts: [{ Type: 'volume', Source: volume, Target: '/session' }],
      },
    });
  }

  async up(): Promise<void> {
    const made = await docker.createContainer(this.#options);
    this.#id = made.id;
    await made.start();
  }

  async remove(): Promise<void> {
    await docker.getContainer(this.#id).remove({ force: true });
  }

  async pause(): Promise<void> {
    await docker.getContainer(this.#id).pause();
  }

  async unpauseByApi(): Promise<void> {
    await docker.getContainer(this.#id).unpause();
  }

  async unpauseByCommand(): Promise<void> {
    await run('docker', ['unpause', this.#id]);
  }
}
