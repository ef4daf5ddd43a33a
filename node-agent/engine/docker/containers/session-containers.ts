import type Docker from 'dockerode';
import { type ContainerSeen, ISOLATIONS } from '../../../domain/session.ts';
import { answerOf, unless } from '../client.ts';
import { containerName, type Owner, ownedBy, ownerFilter, stateOf } from '../container.ts';

export interface FoundContainer {
  readonly container: ContainerSeen;
  readonly space: string;
  readonly image: string;
}

/**
 * Finds a session's containers by label. Names are only a shortcut: anyone can rename a running
 * container and give its name to another. All containers are listed when the name leads nowhere, or
 * when events mention another one.
 */
export class SessionContainers {
  readonly #docker: Docker;
  readonly #owner: Owner;
  /** The id of the container that was last seen or created, by session. */
  readonly #ids = new Map<string, string>();
  /** Sessions that can have more than one container. */
  readonly #doubtful = new Set<string>();

  /** Returns whether a container must be recreated before it starts again. */
  readonly #isOutside: (container: Docker.ContainerInspectInfo) => boolean;

  constructor(docker: Docker, owner: Owner, isOutside: (container: Docker.ContainerInspectInfo) => boolean = () => false) {
    this.#docker = docker;
    this.#owner = owner;
    this.#isOutside = isOutside;
  }

  /**
   * Returns a message if another container has the session's name. Undefined if none has, as while
   * our own create is in progress.
   */
  async nameTaken(sessionId: string): Promise<string | undefined> {
    const name = containerName(sessionId);
    const found = await unless([404], this.#docker.getContainer(name).inspect());
    // Docker also matches prefixes of ids, so a name could find another container.
    if (found === undefined || found.Name !== `/${name}` || ownedBy(this.#owner, found.Config.Labels) !== undefined) return undefined;
    const id = found.Id.slice(0, 12);
    return `Another container on the node of this session has the name ${name} (${id}, of the image ${found.Config.Image}). Rename or remove it there, then recover the session.`;
  }

  created(sessionId: string, id: string): void {
    this.#ids.set(sessionId, id);
  }

  /** An event mentioned a container with the session's labels. */
  heard(sessionId: string, id: string): void {
    const known = this.#ids.get(sessionId);
    if (known !== undefined && known !== id) this.#doubtful.add(sessionId);
  }

  /** Lists the current container of each session, without its exit code. */
  async list(): Promise<ReadonlyMap<string, FoundContainer>> {
    const infos = await this.#docker.listContainers({ all: true, filters: { label: ownerFilter(this.#owner) } });
    const found = new Map<string, FoundContainer>();
    for (const info of infos.sort(byWorth)) {
      const owned = ownedBy(this.#owner, info.Labels);
      if (owned === undefined) continue;
      const { sessionId, generation, space } = owned;
      const isolation = ISOLATIONS.find((one) => one === info.Labels['raworc.isolation']);
      const container = { id: info.Id, state: stateOf(info.State), generation, isolation };
      const first = found.get(sessionId);
      if (first === undefined) {
        found.set(sessionId, { container, space, image: info.Image });
        if (!this.#ids.has(sessionId)) this.#ids.set(sessionId, info.Id);
        continue;
      }
      this.#doubtful.add(sessionId);
      found.set(sessionId, { ...first, container: { ...first.container, surplus: true } });
    }
    return found;
  }

  /**
   * Returns the current container: a running one first, then the one with the name, then the
   * newest.
   */
  async find(sessionId: string): Promise<FoundContainer | undefined> {
    const found = await this.#find(sessionId);
    if (found === undefined) this.#ids.delete(sessionId);
    else this.#ids.set(sessionId, found.container.id);
    return found;
  }

  /**
   * Calls `work` with the current container. Returns undefined if there is none. Rethrows a 404 of
   * the engine about anything else.
   */
  async on<T>(sessionId: string, work: (container: Docker.Container) => Promise<T>): Promise<T | undefined> {
    const known = this.#ids.get(sessionId) ?? (await this.find(sessionId))?.container.id;
    if (known === undefined) return undefined;
    try {
      return await work(this.#docker.getContainer(known));
    } catch (error) {
      if (answerOf(error)?.status !== 404) throw error;
      const id = (await this.find(sessionId))?.container.id;
      if (id === known) throw error;
      return id === undefined ? undefined : work(this.#docker.getContainer(id));
    }
  }

  /** Returns the id of the container to remove first. */
  async least(sessionId: string): Promise<string | undefined> {
    const found = await this.find(sessionId);
    if (found?.container.surplus === undefined) return found?.container.id;
    return (await this.#ofSession(sessionId)).at(-1)?.Id;
  }

  async #find(sessionId: string): Promise<FoundContainer | undefined> {
    if (!this.#doubtful.has(sessionId)) {
      const named = await this.#inspect(sessionId, containerName(sessionId), 0);
      if (named !== undefined) return named;
    }
    // A container can be removed between list and inspect: try again.
    for (let tries = 0; tries < 3; tries += 1) {
      const all = await this.#ofSession(sessionId);
      if (all.length > 1) this.#doubtful.add(sessionId);
      else this.#doubtful.delete(sessionId);
      const [first] = all;
      if (first === undefined) return undefined;
      const found = await this.#inspect(sessionId, first.Id, all.length - 1);
      if (found !== undefined) return found;
    }
    throw new Error('its containers change too fast to be inspected');
  }

  async #ofSession(sessionId: string) {
    const label = [...ownerFilter(this.#owner), `raworc.session=${sessionId}`];
    return (await this.#docker.listContainers({ all: true, filters: { label } }))
      .filter(({ Labels }) => ownedBy(this.#owner, Labels)?.sessionId === sessionId)
      .sort(byWorth);
  }

  async #inspect(sessionId: string, nameOrId: string, others: number): Promise<FoundContainer | undefined> {
    const found = await unless([404], this.#docker.getContainer(nameOrId).inspect());
    const owned = ownedBy(this.#owner, found?.Config.Labels);
    if (found === undefined || owned?.sessionId !== sessionId) return undefined;
    const state = stateOf(found.State.Status);
    const exit = state === 'exited' ? { exit: { code: found.State.ExitCode, outOfMemory: found.State.OOMKilled } } : {};
    const surplus = others > 0 ? { surplus: true as const } : {};
    const isolation = ISOLATIONS.find((one) => one === found.Config.Labels['raworc.isolation']);
    const outside = this.#isOutside(found) ? { outside: true as const } : {};
    const container = { id: found.Id, state, generation: owned.generation, isolation, ...exit, ...surplus, ...outside };
    return { container, space: owned.space, image: found.Config.Image };
  }
}

function byWorth(a: Docker.ContainerInfo, b: Docker.ContainerInfo): number {
  return worth(b) - worth(a) || b.Created - a.Created;
}

function worth({ State, Names, Labels }: Docker.ContainerInfo): number {
  const isAlive = State === 'running' || State === 'paused';
  return (isAlive ? 2 : 0) + (Names.includes(`/${containerName(Labels['raworc.session'] ?? '')}`) ? 1 : 0);
}
