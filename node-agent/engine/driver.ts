import type { ContainerSeen, Limits, VolumeSeen } from '../domain/session.ts';
import type { Most } from '../domain/session-most.ts';
import type { VolumeCopier } from './copier.ts';

/** Everything a driver must know to make one session's container and volume. */
export interface SessionPlan {
  readonly sessionId: string;
  /** Written on what is made, for life: a tombstone up to a later one means it. */
  readonly generation: number;
  readonly space: string;
  readonly image: string;
  readonly limits: Limits;
  /** Of its agents, and the owner of their files. No other session of this host has it. */
  readonly uid: number;
  /** On the host; the guest sees it read-only at /run/raworc. */
  readonly socketDirectory: string;
  /** The id of the disk that the session had before: no other is taken for it. */
  readonly disk?: string;
}

/** What an engine refused, as data. What is thrown instead is a fault that may pass: an engine that is away, slow or out of order. */
export type Made =
  /** `disk`: the id of the disk that was made, or on which the container was. */
  | { readonly ok: true; readonly disk?: string }
  /** There already. Made by this node agent, unless it is not seen when looked for: then it is another's. */
  | { readonly ok: false; readonly why: 'exists' }
  | { readonly ok: false; readonly why: 'no-image' }
  /** The engine failed at it, and may not the next time. */
  | { readonly ok: false; readonly why: 'failed'; readonly reason: string }
  /** For good. `reason` is one sentence for a person. */
  | { readonly ok: false; readonly why: 'refused'; readonly reason: string };

/** Of one session, what carries this node's labels. */
export interface Seen {
  readonly container: ContainerSeen | undefined;
  readonly volume: VolumeSeen | undefined;
  /** Of their labels; empty when unknown. */
  readonly space: string;
  /** Of the container; empty when unknown. */
  readonly image: string;
}

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

/** Whether a list says all that looking at the one session would: not how a container ended, nor why one of two is missing. */
export function tellsAll({ container, volume }: Seen): boolean {
  if (container === undefined) return volume === undefined;
  return volume !== undefined && container.surplus === undefined && (container.state === 'running' || container.state === 'paused');
}

export interface Capacity {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: no bound of its own. */
  readonly sessions: number;
  /** Of all sessions with their guests. 0 or not given: no bound of its own. */
  readonly processes?: number;
  /** Of the file system that holds the disks of sessions. 0 or not given: no bound of its own. */
  readonly diskBytes?: number;
  /** Of one session. */
  readonly most?: Most;
}

export interface ImagePlan {
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A tar: a Dockerfile and what it copies. Destroying it ends the build. */
  readonly context: NodeJS.ReadableStream;
}

export type ImageMade = { readonly ok: true; readonly imageId: string } | { readonly ok: false; readonly reason: string };

export type DriverChange =
  | { readonly kind: 'session'; readonly sessionId: string }
  | { readonly kind: 'images' }
  /** The engine went away, and what it ran may have ended with it. `everything` follows once it is back. */
  | { readonly kind: 'lost' }
  /** Changes may have been missed: look at everything again. */
  | { readonly kind: 'everything' };

/**
 * The engine that runs containers. It acts on what carries this cluster's and this node's labels, and on nothing else.
 *
 * 1. Every call is idempotent: started twice, removed twice, paused twice is success.
 * 2. Every call ends soon after its signal aborts, by throwing; whether it took effect is then unknown.
 * 3. What is not there is data (`undefined`, or success for a removal); what the engine refuses for good is a value; else it throws.
 */
export interface Driver {
  readonly kind: 'docker' | 'hollow';
  readonly copier: VolumeCopier;
  /** What sessions share (network, firewall) is there, and is put right where it is not. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Resolves when the engine answers at all. Cheap. */
  ping(signal: AbortSignal): Promise<void>;
  capacity(signal: AbortSignal): Promise<Capacity>;
  list(signal: AbortSignal): Promise<ReadonlyMap<string, Seen>>;
  observe(sessionId: string, signal: AbortSignal): Promise<Seen>;
  createVolume(plan: SessionPlan, signal: AbortSignal): Promise<Made>;
  createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Made>;
  start(sessionId: string, signal: AbortSignal): Promise<Made>;
  pause(sessionId: string, signal: AbortSignal): Promise<void>;
  /** As pause, for a moment: its memory is not given back. */
  freeze(sessionId: string, signal: AbortSignal): Promise<void>;
  unpause(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Where there is more than one of the session, the least wanted one, and the others stay. */
  removeContainer(sessionId: string, signal: AbortSignal): Promise<void>;
  removeVolume(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Calls `listener` with changes until closed, `everything` first and after each break. */
  watch(listener: (change: DriverChange) => void): { close(): void };
  /** Tags of Raworc's images. */
  images(signal: AbortSignal): Promise<readonly string[]>;
  /** The image's id and labels; undefined when there is none of that tag. */
  inspectImage(tag: string, signal: AbortSignal): Promise<{ id: string; labels: Readonly<Record<string, string>> } | undefined>;
  buildImage(plan: ImagePlan, signal: AbortSignal): Promise<ImageMade>;
  /** Undoes `prepare` where no session of any node needs it any more. */
  dismantle(signal: AbortSignal): Promise<void>;
  close(): void;
}
