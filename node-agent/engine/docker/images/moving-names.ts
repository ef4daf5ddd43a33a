import { connect } from 'node:net';
import type Docker from 'dockerode';
import type { Log } from '../../../../seams/log.ts';
import { messageOf } from '../../../../seams/message-of.ts';
import { unless } from '../client.ts';

const NAME = /^127\.0\.0\.1:(\d+)\/raworc\//;

/** Names that an image has only while it is moved, also those that an earlier life left behind. */
export const isMovingName = (name: string): boolean => NAME.test(name);

/** All names of an image, also those by digest. */
export const namesOf = ({ RepoTags, RepoDigests }: Pick<Docker.ImageInfo, 'RepoTags' | 'RepoDigests'>): readonly string[] => [
  ...(RepoTags ?? []),
  ...(RepoDigests ?? []),
];

export interface MovingNamesDeps {
  readonly docker: Docker;
  readonly log: Log;
}

/**
 * The names under which images are moved. A node agent that is killed during a move leaves its name
 * behind, which would keep the image's layers on the disk after the image was removed.
 */
export class MovingNames {
  readonly #deps: MovingNamesDeps;
  readonly #inUse = new Set<string>();
  #work: Promise<void> | undefined;

  constructor(deps: MovingNamesDeps) {
    this.#deps = deps;
  }

  begin(name: string): void {
    this.#inUse.add(name);
  }

  /** Removes a name, never an image that has another one. */
  async end(name: string): Promise<void> {
    try {
      await unless([404, 409], this.#deps.docker.getImage(name).remove({ noprune: true }));
    } finally {
      this.#inUse.delete(name);
    }
  }

  /** Removes what earlier lives left behind among these names, in the background. */
  look(names: readonly string[]): void {
    const stale = names.filter((name) => isMovingName(name) && !this.#inUse.has(name));
    if (stale.length === 0 || this.#work !== undefined) return;
    this.#work = this.#sweep(stale)
      .catch((error: unknown) => this.#deps.log.warn('image.name_not_removed', { error: messageOf(error) }))
      .finally(() => {
        this.#work = undefined;
      });
  }

  /** Resolves when nothing is in progress. */
  async idle(): Promise<void> {
    await this.#work;
  }

  async #sweep(stale: readonly string[]): Promise<void> {
    for (const name of stale) {
      // The registry of another node agent on this host, which can be moving the image now; it removes the name itself.
      if (this.#inUse.has(name) || (await isListening(Number(NAME.exec(name)?.[1])))) continue;
      await unless([404, 409], this.#deps.docker.getImage(name).remove({ noprune: true }));
      this.#deps.log.info('image.name_removed', { name });
    }
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const ended = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => ended(true));
    socket.once('error', () => ended(false));
  });
}
