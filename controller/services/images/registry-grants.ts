import type { Clock } from '../../../seams/clock.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { BASE_REPOSITORY } from '../../domain/images/repository.ts';

/** One move of an image that a node was asked for, while it lasts. */
export interface Grant {
  readonly nodeId: NodeId;
  readonly image: string;
  readonly repository: string;
  /** Set for a push: the tag in the registry. */
  readonly tag?: string;
  /** Of a push: the digest that the registry confirmed. */
  digest?: string;
  /** Of a pull: the registry lacked something that the node asked for. */
  hasVanished?: boolean;
}

/** What nodes can do in the registry: exactly what they are being asked for, and nothing later. */
export class RegistryGrants {
  readonly #grants = new Set<Grant>();
  readonly #clock: Clock;
  /** When bytes of an image last passed from or to a node with a grant. */
  readonly #passed = new Map<NodeId, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Lets a node move an image until the result is called. */
  give(grant: Grant): () => void {
    this.#grants.add(grant);
    return () => {
      this.#grants.delete(grant);
      if (!this.#hasGrant(grant.nodeId)) this.#passed.delete(grant.nodeId);
    };
  }

  /** Bytes of an image pass. */
  passed(nodeId: NodeId): void {
    if (this.#hasGrant(nodeId)) this.#passed.set(nodeId, this.#clock.monotonic());
  }

  #hasGrant(nodeId: NodeId): boolean {
    for (const grant of this.#grants) if (grant.nodeId === nodeId) return true;
    return false;
  }

  /** Returns when bytes last passed, on the monotonic clock; undefined if none did. */
  passedAtMs(nodeId: NodeId): number | undefined {
    return this.#passed.get(nodeId);
  }

  mayPull(nodeId: NodeId, repository: string): boolean {
    return repository === BASE_REPOSITORY || this.#find(nodeId, repository, (grant) => grant.tag === undefined) !== undefined;
  }

  mayPush(nodeId: NodeId, repository: string, tag?: string): boolean {
    return this.#pushOf(nodeId, repository, tag) !== undefined;
  }

  pushed(nodeId: NodeId, repository: string, tag: string, digest: string): void {
    const grant = this.#pushOf(nodeId, repository, tag);
    if (grant !== undefined) grant.digest = digest;
  }

  vanished(nodeId: NodeId, repository: string): void {
    const grant = this.#find(nodeId, repository, ({ tag }) => tag === undefined);
    if (grant !== undefined) grant.hasVanished = true;
  }

  #pushOf(nodeId: NodeId, repository: string, tag: string | undefined): Grant | undefined {
    return this.#find(nodeId, repository, (grant) => grant.tag !== undefined && (tag === undefined || grant.tag === tag));
  }

  #find(nodeId: NodeId, repository: string, also: (grant: Grant) => boolean): Grant | undefined {
    for (const grant of this.#grants) if (grant.nodeId === nodeId && grant.repository === repository && also(grant)) return grant;
    return undefined;
  }
}
