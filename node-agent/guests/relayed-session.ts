/** What the relay remembers of one session, and its bounds. */
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { StopAgent__Output as StopAgent } from '../../proto/generated/raworc/v0/StopAgent.ts';
import type { Timer } from '../../seams/clock.ts';
import { GuestPace } from './guest-pace.ts';
import type { GuestLink } from './listener.ts';

/** Past these its guest is not read from until something is settled. */
const ANSWERS_KEPT = 64;
const ANSWER_CHARACTERS_KEPT = 8 * 1024 * 1024;
/** Past these, messages are let go, and asked for again once there is room. */
const MESSAGES_HELD = 256;
const MESSAGE_CHARACTERS_HELD = 16 * 1024 * 1024;

export interface Guest {
  readonly link: GuestLink;
  timer: Timer | undefined;
  welcomed: boolean;
}

export interface Session {
  guest: Guest | undefined;
  acceptedSeq: number;
  /** Of its memory, as its guest counts. */
  life: number;
  /** As far as its guest was told, or will be with its welcome. */
  settledSeq: number;
  readonly answers: Map<string, Answer>;
  answerCharacters: number;
  held: Deliver[];
  heldCharacters: number;
  lost: boolean;
  /** Its guest is to finish and to take nothing more. `said`: to the guest that is connected. */
  drain: { readonly untilMs: number; said: boolean } | undefined;
  /** By agent: what its guest is to hear before anything that is held. */
  readonly stops: Map<string, StopAgent>;
  /** When it was last said that the session met a limit, by limit. */
  readonly limitsToldMs: Map<string, number>;
  readonly pace: GuestPace;
}

export const newSession = (): Session => ({
  ...{ guest: undefined, acceptedSeq: 0, life: 0, settledSeq: 0, answers: new Map(), answerCharacters: 0 },
  ...{ held: [], heldCharacters: 0, lost: false, drain: undefined, stops: new Map(), limitsToldMs: new Map(), pace: new GuestPace() },
});

export const isFull = (session: Session) => session.answers.size >= ANSWERS_KEPT || session.answerCharacters >= ANSWER_CHARACTERS_KEPT;
export const sizeOf = (message: Deliver) => message.content.length + message.contextJson.length;

/** Whether there is room to hold one more message. */
export const takesAnother = (session: Session, message: Deliver) =>
  session.held.length < MESSAGES_HELD && session.heldCharacters + sizeOf(message) <= MESSAGE_CHARACTERS_HELD;

/** Holds those messages no longer. Whether there were any. */
export function letGo(session: Session, which: (message: Deliver) => boolean): boolean {
  const before = session.held.length;
  session.held = session.held.filter((message) => !which(message));
  session.heldCharacters = session.held.reduce((sum, message) => sum + sizeOf(message), 0);
  return session.held.length < before;
}

/** Tells its guest, as far as it takes it. */
export function sayStops({ guest, stops }: Session): void {
  for (const [agent, stop] of stops) {
    if (!guest?.link.send({ kind: 'stopAgent', value: stop })) return;
    stops.delete(agent);
  }
}
