import type { Capacity } from '../../node-agent/engine/driver.ts';
import type { VolumeWork } from '../../node-agent/engine/volume-work.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';

/** The calls that may be made slow or faulty. */
export type HollowCall =
  | 'list'
  | 'ping'
  | 'observe'
  | 'createContainer'
  | 'start'
  | 'pause'
  | 'freeze'
  | 'unpause'
  | 'removeContainer'
  | VolumeWork['kind']
  | 'buildImage';

export interface HollowOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly capacity?: Capacity;
  readonly images?: readonly string[];
  /** Of its images. Default: it does not say. */
  readonly platform?: string;
  /** Milliseconds that each call takes. Default 0. */
  readonly callMs?: (call: HollowCall) => number;
  /** Milliseconds that the copy of a volume takes. Default 0. */
  readonly copyMs?: () => number;
  /** Called before a call takes effect; what it throws, the call throws. */
  readonly fault?: (call: HollowCall, sessionId: string) => void;
  /** Milliseconds from a message to its answer. Default 0. */
  readonly answerMs?: () => number;
  /** By the message, and the secrets of its space. Default: "echo: " and the message. */
  readonly answer?: (message: Deliver, environment: Readonly<Record<string, string>>) => string;
  /** What lives in the containers, in place of guests that only pretend. */
  readonly inside?: HollowInside;
}

/** Told what becomes of containers and volumes. Whatever lives in one comes to its door by `enter`. */
export interface HollowInside {
  containerIs(sessionId: string, state: 'running' | 'paused' | 'ended'): void;
  volumeGone(sessionId: string): void;
  /** The one session's volume holds from now on what the other's does. */
  volumeCopied?(from: string, to: string): void;
}
