import type { Most } from '../domain/session-most.ts';
import type { Outcome } from './outcome.ts';
import type { Seen } from './seen.ts';
import type { SessionPlan } from './session-plan.ts';
import type { CopySeen, VolumeWork } from './volume-work.ts';

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

export type BuildOutcome = { readonly ok: true; readonly imageId: string } | { readonly ok: false; readonly reason: string };

export type DriverChange =
  | { readonly kind: 'session'; readonly sessionId: string }
  | { readonly kind: 'images' }
  /** The engine went away, perhaps with its containers. `everything` follows once it is back. */
  | { readonly kind: 'lost' }
  /** Changes may have been missed: look at everything again. */
  | { readonly kind: 'everything' };

/**
 * The engine that runs containers. It touches only what has this cluster's and this node's labels.
 *
 * 1. Every call is idempotent: a second start, pause or removal succeeds.
 * 2. Every call throws soon after its signal aborts; whether it took effect is then unknown.
 * 3. What is absent is data (`undefined`, or success for a removal); a final refusal is a value;
 *    anything else throws.
 */
export interface Driver {
  /** Its name, as operators see it. */
  readonly kind: string;
  /** What sessions share (network, firewall) is there, and is put right where it is not. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Resolves when the engine answers at all. Cheap. */
  ping(signal: AbortSignal): Promise<void>;
  capacity(signal: AbortSignal): Promise<Capacity>;
  list(signal: AbortSignal): Promise<ReadonlyMap<string, Seen>>;
  observe(sessionId: string, signal: AbortSignal): Promise<Seen>;
  volume(work: VolumeWork, signal: AbortSignal): Promise<Outcome>;
  /** How far the copy into that session's volume is. */
  copy(sessionId: string, signal: AbortSignal): Promise<CopySeen>;
  /** Sessions into whose volumes copies were begun and not ended. */
  copies(signal: AbortSignal): Promise<readonly string[]>;
  createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Outcome>;
  start(sessionId: string, signal: AbortSignal): Promise<Outcome>;
  pause(sessionId: string, signal: AbortSignal): Promise<void>;
  /** As pause, for a moment: its memory is not given back. */
  freeze(sessionId: string, signal: AbortSignal): Promise<void>;
  unpause(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Where there is more than one of the session, the least wanted one, and the others stay. */
  removeContainer(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Calls `listener` with changes until closed, `everything` first and after each break. */
  watch(listener: (change: DriverChange) => void): { close(): void };
  /** Tags of Raworc's images. */
  images(signal: AbortSignal): Promise<readonly string[]>;
  /** The image's id and labels; undefined when there is none of that tag. */
  inspectImage(tag: string, signal: AbortSignal): Promise<{ id: string; labels: Readonly<Record<string, string>> } | undefined>;
  buildImage(plan: ImagePlan, signal: AbortSignal): Promise<BuildOutcome>;
  /** Undoes `prepare` where no session of any node needs it any more. */
  dismantle(signal: AbortSignal): Promise<void>;
  close(): void;
}
