import type { SessionProfile } from '../domain/session.ts';
import type { Most } from '../domain/session-most.ts';
import type { BuildEngine, BuildOutcome } from './build-engine.ts';
import type { EngineFacts } from './engine-facts.ts';
import type { Outcome } from './outcome.ts';
import type { Seen } from './seen.ts';
import type { SessionPlan } from './session-plan.ts';
import type { CopySeen, VolumeWork } from './volume-work.ts';

export interface Capacity {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0 means no limit. */
  readonly sessions: number;
  /** Total of all sessions, including guests. 0 or omitted means no limit. */
  readonly processes?: number;
  /** Size of the file system that holds the sessions' disks. 0 or omitted means no limit. */
  readonly diskBytes?: number;
  /** Maximum of one session. */
  readonly most?: Most;
}

export interface ImagePlan {
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A tar: a Dockerfile and what it copies. Destroying it ends the build. */
  readonly context: NodeJS.ReadableStream;
}

/** An image to pull by the digest of its manifest, and to give this tag. */
export interface PullPlan {
  readonly image: string;
  readonly repository: string;
  readonly digest: string;
}

export interface PushPlan {
  readonly image: string;
  readonly repository: string;
  /** In the registry. */
  readonly tag: string;
}

/** An image of workstations: its tag, and what it is made from. */
export interface MakePlan {
  readonly image: string;
  /** `raworc/workstation` is made from `baseImage`. */
  readonly name: string;
  readonly baseImage: string;
}

/** `reason` is a clause for the operator. */
export type MoveOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface Transfer {
  pull(plan: PullPlan, signal: AbortSignal): Promise<MoveOutcome>;
  push(plan: PushPlan, signal: AbortSignal): Promise<MoveOutcome>;
}

/** `in-use`: also if the node keeps a copy of it, and images of others. */
export type RemovalOutcome = 'removed' | 'in-use';

export type DriverChange =
  | { readonly kind: 'session'; readonly sessionId: string }
  | { readonly kind: 'images' }
  /**
   * The engine stopped responding, perhaps together with its containers. `everything` follows once
   * it is back.
   */
  | { readonly kind: 'lost' }
  /** Changes can have been missed: list everything again. */
  | { readonly kind: 'everything' };

/**
 * The engine that runs containers. It touches only what has this cluster's and this node's labels.
 *
 * 1. Every call is idempotent: a second start, pause or removal succeeds.
 * 2. Every call throws soon after its signal aborts; whether it took effect is then unknown.
 * 3. Absence is data: `undefined`, or success for a removal. A final refusal is a value. Anything
 *    else throws.
 */
export interface Driver {
  /** Its name, as operators see it. */
  readonly kind: string;
  /** Undefined until it is prepared, or if it does not say. */
  readonly facts?: EngineFacts | undefined;
  /** Profiles of sessions beside locked, once it is prepared. Undefined: none. */
  readonly profiles?: readonly SessionProfile[] | undefined;
  /** Creates or repairs what sessions share: network and firewall. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Resolves when the engine answers at all. Cheap. */
  ping(signal: AbortSignal): Promise<void>;
  capacity(signal: AbortSignal): Promise<Capacity>;
  list(signal: AbortSignal): Promise<ReadonlyMap<string, Seen>>;
  observe(sessionId: string, signal: AbortSignal): Promise<Seen>;
  volume(work: VolumeWork, signal: AbortSignal): Promise<Outcome>;
  /** Returns the progress of the copy into that session's volume. */
  copy(sessionId: string, signal: AbortSignal): Promise<CopySeen>;
  /** Returns the sessions with an unfinished copy into their volume. */
  copies(signal: AbortSignal): Promise<readonly string[]>;
  createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Outcome>;
  start(sessionId: string, signal: AbortSignal): Promise<Outcome>;
  pause(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Like `pause`, but brief: the memory is not reclaimed. */
  freeze(sessionId: string, signal: AbortSignal): Promise<void>;
  unpause(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Removes one container. If the session has several, this is the least useful one. */
  removeContainer(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Calls `listener` with changes until closed, `everything` first and after each break. */
  watch(listener: (change: DriverChange) => void): { close(): void };
  /** Returns the tags of Raworc's images. */
  images(signal: AbortSignal): Promise<readonly string[]>;
  /** Returns the image's id and labels; undefined if there is no image with that tag. */
  inspectImage(tag: string, signal: AbortSignal): Promise<{ id: string; labels: Readonly<Record<string, string>> } | undefined>;
  buildImage(plan: ImagePlan, signal: AbortSignal): Promise<BuildOutcome>;
  /** Makes an image of workstations. Undefined: it cannot. */
  readonly makeImage?: ((plan: MakePlan, signal: AbortSignal) => Promise<MoveOutcome>) | undefined;
  /** Removes an image of this cluster by its tag, but not while a container uses it. */
  removeImage(tag: string, signal: AbortSignal): Promise<RemovalOutcome>;
  /**
   * Loads the node's own copy of an image, if it keeps one. Returns whether the image is there
   * afterwards.
   */
  restoreImage?(tag: string, signal: AbortSignal): Promise<boolean>;
  /** Installs dependencies and checks handlers. Undefined: builds only copy files. */
  readonly builds?: BuildEngine | undefined;
  /** Moves images through the registry. Undefined: images stay on this host. */
  readonly transfer?: Transfer | undefined;
  /** Undoes `prepare` if no session of any node needs it any more. */
  dismantle(signal: AbortSignal): Promise<void>;
  close(): void;
}
