import type { ContainerSeen, VolumeSeen } from '../domain/session.ts';

/** What the engine has of one session, found by this node's labels. */
export interface Seen {
  readonly container: ContainerSeen | undefined;
  readonly volume: VolumeSeen | undefined;
  /** From the labels; empty if unknown. */
  readonly space: string;
  /** The container's image; empty if unknown. */
  readonly image: string;
}

export const NOTHING_SEEN: Seen = { container: undefined, volume: undefined, space: '', image: '' };

/** Returns whether both show the same container and volume in the same state. */
export function sameSight(a: Seen, b: Seen): boolean {
  const [one, other] = [a.container, b.container];
  return (
    one?.id === other?.id &&
    one?.state === other?.state &&
    one?.generation === other?.generation &&
    one?.surplus === other?.surplus &&
    a.volume?.name === b.volume?.name &&
    a.volume?.generation === b.volume?.generation &&
    a.volume?.disk === b.volume?.disk
  );
}

/**
 * Returns whether a listing shows as much as an inspection. It does not show how a container
 * exited, or why only one of container and volume was found.
 */
export function tellsAll({ container, volume }: Seen): boolean {
  if (container === undefined) return volume === undefined;
  return volume !== undefined && container.surplus === undefined && (container.state === 'running' || container.state === 'paused');
}
