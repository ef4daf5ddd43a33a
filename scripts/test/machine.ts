import { dirname } from 'node:path';
import process from 'node:process';
import { buildGuest } from '../build-guest.ts';
import { ensureSessionImage } from '../image/session-image.ts';
import { Apt } from '../machine/apt.ts';
import type { DockerEngine } from '../machine/docker.ts';
import { ensureDocker } from '../machine/docker.ts';
import { step } from '../terminal.ts';

export interface PreparedMachine {
  readonly engine: DockerEngine;
  /** Variables of the programs that work with it. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Gets what tests and benchmarks of whole clusters need: `programs` by their packages, the daemons
 * beside the controller in PATH, Docker, the session image and the guest. `engine.release()` when
 * done.
 */
export async function prepareMachine(
  dataDir: string,
  programs: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<PreparedMachine> {
  const apt = new Apt(dataDir);
  await step('Programs', async ({ progress }) => {
    await apt.ensure(programs, progress);
    const daemons = [await apt.fetch('nats-server', progress), await apt.fetch('docker-registry', progress)];
    process.env.PATH = [process.env.PATH, ...daemons.map((path) => dirname(path))].join(':');
  });
  const engine = await step('Docker', (report) => ensureDocker(dataDir, apt, report));
  try {
    const image = await step('Session image', (report) => ensureSessionImage({ docker: engine.docker, dataDir, apt, signal, ...report }));
    await step('Guest', () => buildGuest());
    return { engine, env: { RAWORC_BASE_IMAGE_TAG: image, DOCKER_API_VERSION: '1.41' } };
  } catch (error) {
    await engine.release();
    throw error;
  }
}
