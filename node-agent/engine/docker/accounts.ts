import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import { PLAIN_PASSWD } from '../../domain/accounts.ts';
import { unless } from './client.ts';
import type { Owner } from './container.ts';

/** An image's passwd has a few kilobytes; a larger one is ignored. */
const MAX_BYTES = 1024 * 1024;
const MAX_IMAGES = 64;

/** Reads the accounts of images, once per image, from a container that is never started. */
export class ImageAccounts {
  readonly #docker: Docker;
  readonly #owner: Owner;
  /** By image id, least recently used first. */
  readonly #known = new Map<string, string>();

  constructor(docker: Docker, owner: Owner) {
    this.#docker = docker;
    this.#owner = owner;
  }

  /**
   * Returns the image's `/etc/passwd`. Rejects with the engine's answer if there is no such image.
   */
  async passwdOf(image: string): Promise<string> {
    const { Id } = await this.#docker.getImage(image).inspect();
    const passwd = this.#known.get(Id) ?? (await this.#read(Id));
    this.#known.delete(Id);
    this.#known.set(Id, passwd);
    for (const old of this.#known.keys()) {
      if (this.#known.size <= MAX_IMAGES) break;
      this.#known.delete(old);
    }
    return passwd;
  }

  async #read(image: string): Promise<string> {
    const { clusterId, nodeId } = this.#owner;
    const container = await this.#docker.createContainer({
      name: `raworc_accounts_${randomUUID()}`,
      Image: image,
      Entrypoint: ['/bin/false'],
      Labels: { 'raworc.managed': 'true', 'raworc.cluster': clusterId, 'raworc.node': nodeId, 'raworc.accounts': 'true' },
      HostConfig: { NetworkMode: 'none' },
    });
    try {
      const archive = await unless([404], container.getArchive({ path: '/etc/passwd' }));
      return archive === undefined ? PLAIN_PASSWD : await firstFile(archive);
    } finally {
      await unless([404, 409], container.remove({ force: true, v: true }));
    }
  }

  /** Removes containers that a killed process left behind. */
  async sweep(): Promise<void> {
    const { clusterId, nodeId } = this.#owner;
    const label = [`raworc.cluster=${clusterId}`, `raworc.node=${nodeId}`, 'raworc.accounts=true'];
    for (const { Id } of await this.#docker.listContainers({ all: true, filters: { label } }))
      await unless([404, 409], this.#docker.getContainer(Id).remove({ force: true, v: true }));
  }
}

/** Returns the content of a plain file, or nothing for a link or anything else. */
async function firstFile(archive: NodeJS.ReadableStream): Promise<string> {
  const extract = tar.extract();
  archive.pipe(extract);
  let found = PLAIN_PASSWD;
  for await (const entry of extract) {
    if (entry.header.type === 'file' && (entry.header.size ?? 0) <= MAX_BYTES) found = await text(entry);
    else entry.resume();
  }
  return found;
}
