import { JournalFull } from '../../journal/journal.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { Barriers } from '../../seams/barrier.ts';
import type { HostLink } from '../host/dialer.ts';
import type { HostSide } from '../host/host-side.ts';
import { REASONS } from '../runs/reasons.ts';
import type { Runner } from '../runs/runner.ts';
import type { Mailbox } from './mailbox.ts';

/** Bounds of messages that wait to run. Beyond them the guest stops reading from the host. */
const BACKLOG_COUNT = 256;
const BACKLOG_BYTES = 16 * 1024 * 1024;

export interface IntakeDeps {
  readonly sessionId: string;
  readonly barriers: Barriers;
  readonly mailbox: Mailbox;
  readonly host: HostSide;
  readonly runner: Runner;
  onFault(fault: unknown): void;
}

/**
 * Receives the messages from the host: makes them durable, acknowledges them, and passes them on to
 * run.
 */
export class Intake {
  readonly #deps: IntakeDeps;
  readonly #taking = new Set<Promise<void>>();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** Resolves once every message being received now is durable or refused. */
  async settled(): Promise<void> {
    await Promise.all(this.#taking);
  }

  deliver(link: HostLink, message: Deliver): void {
    const taken = this.#take(link, message)
      .catch((fault: unknown) => this.#deps.onFault(fault))
      .finally(() => this.#taking.delete(taken));
    this.#taking.add(taken);
  }

  get isFull(): boolean {
    const { mailbox, runner } = this.#deps;
    // The secrets arrive behind messages that were sent before them.
    if (runner.awaitsSecrets) return false;
    const { count, bytes } = mailbox.backlog();
    return count >= BACKLOG_COUNT || bytes >= BACKLOG_BYTES;
  }

  async #take(link: HostLink, message: Deliver): Promise<void> {
    const { mailbox, host, runner, barriers } = this.#deps;
    const known = mailbox.knows(message);
    const runId = known ? undefined : runner.beginTaking(message);
    if (known) {
      await mailbox.get(message.messageId)?.taken;
      // The controller can have been restored to a state without the answer.
      host.resendAnswer(message.messageId);
    } else {
      const taken = mailbox.take(message, runId);
      if (this.isFull) link.pause();
      await taken.catch((fault: unknown) => {
        if (!(fault instanceof JournalFull)) throw fault;
        return this.#refuse(message);
      });
    }
    await barriers.reach('guest.taken');
    const { sessionId, generation, messageId, seq } = message;
    // It was settled but arrives again: a late copy, or the controller lost the answer in a
    // restore.
    const settled = known && mailbox.get(messageId) === undefined;
    host.send({ kind: 'accepted', value: { sessionId, generation, messageId, seq, settled } });
    host.sendAnswers();
    if (runId === undefined) runner.wake();
    else runner.taken(messageId, runId);
  }

  #refuse(message: Deliver): Promise<void> {
    const { sessionId, generation, messageId, agent } = message;
    return this.#deps.mailbox.refuse(message, {
      sessionId,
      generation,
      messageId,
      runId: '',
      agent,
      outcome: 'ERROR',
      content: REASONS.disk_full,
      reason: 'disk_full',
      durationMs: 0,
      hops: [],
      model: '',
    });
  }
}
