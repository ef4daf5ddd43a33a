import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';
import { GUEST_PROTOCOL_VERSION } from '../../proto/versions.ts';
import type { Timer } from '../../seams/clock.ts';
import type { Assignment } from '../domain/session.ts';
import type { Host } from '../host.ts';
import type { GuestLink } from './listener.ts';

const HELLO_WITHIN_MS = 10_000;

export interface HandshakeDeps extends Pick<Host, 'clock' | 'log'> {
  assignment(sessionId: string): Assignment | undefined;
}

export interface Greeting {
  readonly hello: Extract<GuestFrame, { kind: 'hello' }>['value'];
  readonly assignment: Assignment;
}

/**
 * The handshake of a connection to a session's socket. It is closed unless the first frame arrives
 * in time and is the hello of that session's guest.
 */
export class Handshake {
  readonly #sessionId: string;
  readonly #link: GuestLink;
  readonly #deps: HandshakeDeps;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(sessionId: string, link: GuestLink, deps: HandshakeDeps) {
    this.#sessionId = sessionId;
    this.#link = link;
    this.#deps = deps;
    this.#awaitHello();
  }

  /**
   * Returns the hello if this is a valid first frame; undefined for later frames and refused ones.
   */
  greeting(frame: GuestFrame): Greeting | undefined {
    if (this.#isOver) return undefined;
    const assignment = this.#deps.assignment(this.#sessionId);
    const refusal = helloRefusal(this.#sessionId, assignment, frame);
    if (frame.kind !== 'hello' || assignment === undefined || refusal !== undefined) {
      this.#deps.log.warn('guest.refused', { session: this.#sessionId, reason: refusal });
      this.#link.close(new Error(refusal));
      return undefined;
    }
    this.close();
    return { hello: frame.value, assignment };
  }

  close(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #awaitHello(): void {
    this.#timer = this.#deps.clock.after(HELLO_WITHIN_MS, () => {
      // A paused container is silent, which is not a fault.
      if (this.#deps.assignment(this.#sessionId)?.desired === 'paused') this.#awaitHello();
      else this.#link.close(new Error('no hello'));
    });
  }
}

function helloRefusal(sessionId: string, assignment: Assignment | undefined, frame: GuestFrame): string | undefined {
  if (frame.kind !== 'hello') return 'spoke before its hello';
  if (frame.value.protocolVersion !== GUEST_PROTOCOL_VERSION) return `speaks version ${frame.value.protocolVersion} of the protocol`;
  if (frame.value.sessionId !== sessionId) return 'names another session';
  return assignment === undefined ? 'its session is not assigned to this node' : undefined;
}

export interface WelcomeFacts {
  readonly settledSeq: number;
  /** Asks the guest to drain; undefined cancels an earlier drain. */
  readonly graceMs: number | undefined;
  readonly cancelled: readonly CancelMessage[];
}

export function welcome(
  { sessionId, generation, spec, startWorkers }: Assignment,
  { settledSeq, graceMs, cancelled }: WelcomeFacts,
): HostFrame {
  const agents = spec.agents.map((agent) => ({ ...agent }));
  const drain = graceMs === undefined ? null : { graceMs };
  const about = { protocolVersion: GUEST_PROTOCOL_VERSION, sessionId, generation, space: spec.space };
  return {
    kind: 'welcome',
    value: { ...about, agents, drain, settledSeq, cancelled: [...cancelled], startWorkers: startWorkers === true },
  };
}
