import type { ContainerSeen, VolumeSeen } from '../domain/session.ts';

/** What carries this node's labels of one session. */
export interface Seen {
  readonly container: ContainerSeen | undefined;
  readonly volume: VolumeSeen | undefined;
  /** Of their labels; empty when unknown. */
  readonly space: string;
  /** Of the container; empty when unknown. */
  readonly image: string;
}

export const NOTHING_SEEN: Seen = { container: undefined, volume: undefined, space: '', image: '' };

/** Whether both show the same container and volume in the same state. */
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
 * Whether a list says as much as a look at the session. It lacks how a container ended, and why one
 * of two is missing.
 */
export function tellsAll({ container, volume }: Seen): boolean {
  if (container === undefined) return volume === undefined;
  return volume !== undefined && container.surplus === undefined && (container.state === 'running' || container.state === 'paused');
}
