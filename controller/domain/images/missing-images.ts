import { rfc3339 } from '../engine/time.ts';

/** An image that a node lacks for its sessions. Each change makes another object. */
export interface MissingImage {
  readonly since: number;
  /** Why the last attempt to bring it failed, as a clause. Undefined: none has. */
  readonly failure?: string | undefined;
}

export interface MissingImages {
  /** Undefined: the node has the image, or does not need it. */
  of(nodeId: string, image: string): MissingImage | undefined;
}

export const NONE_MISSING: MissingImages = { of: () => undefined };

/** Longer reasons of failures are cut off. */
const MAX_FAILURE = 300;

/** Returns why a session does not run yet. */
export function waitsForImage(image: string, node: string, { since, failure }: MissingImage): string {
  const begins = `The node ${node} lacks the image ${image} since ${rfc3339(since)}. It is brought there; messages are accepted, and wait.`;
  return failure === undefined ? begins : `${begins} The last attempt failed: ${failure.slice(0, MAX_FAILURE)}`;
}
