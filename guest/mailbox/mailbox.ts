import { Journal, JournalFull } from '../../journal/journal.ts';
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';
import { type Entries, type Entry, newEntry } from './entries.ts';
import { answerRecord, messageRecord, runRecord, settledRecord, stampRecord } from './journal-records.ts';
import type { MailboxOptions } from './mailbox-options.ts';
import { recordedIn, recordsOf } from './recorded.ts';

/**
 * Space that must stay free in the journal when a message is accepted, so that it can at least be
 * answered with an error.
 */
const SPARE_BYTES = 64 * 1024;

/**
 * Inbox and outbox of a session, in one journal in its volume.
 *
 * 1. Each step is durable when its promise resolves: storing a message, starting a run, storing an
 *    answer. Each costs one sync; storing a message and starting it together costs one for both.
 * 2. A message is kept until its answer is settled. The ids of the last settled messages and the
 *    highest seq are remembered.
 * 3. A settlement is written together with the next step. If it is lost, the host repeats it when
 *    it gets the answer again, or with the next welcome.
 */
export class Mailbox {
  readonly #journal: Journal;
  readonly #sessionId: string;
  readonly #entries: Entries;
  #unwritten: string[] = [];
  #acceptedSeq: number;
  #life: number;
  /**
   * The highest seq that is durable or being written. A message that cannot be accepted is refused,
   * or the process ends.
   */
  #takenSeq: number;
  #compactedBytes = 0;
  #compacting = false;
  /**
   * No message up to this seq waits for an answer. After each start of the guest, the host sends it
   * before anything runs.
   */
  #settledSeq = 0;
  /**
   * Whether the journal belonged to another session and was emptied, as after a copy of the volume.
   */
  readonly wiped: boolean;

  private constructor(journal: Journal, sessionId: string, records: readonly Uint8Array[]) {
    this.#journal = journal;
    this.#sessionId = sessionId;
    const { entries, acceptedSeq, life, wiped } = recordedIn(records, sessionId);
    this.#entries = entries;
    this.#acceptedSeq = acceptedSeq;
    this.#life = life;
    this.wiped = wiped;
    this.#takenSeq = this.#acceptedSeq;
  }

  static async open(options: MailboxOptions): Promise<Mailbox> {
    const { sessionId, ...journalOptions } = options;
    const { journal, records } = await Journal.open({ ...journalOptions, name: 'mailbox' });
    try {
      const mailbox = new Mailbox(journal, sessionId, records);
      mailbox.#life += 1;
      if (records.length === 0 || mailbox.wiped) await mailbox.#compact();
      else await mailbox.#stamp();
      mailbox.#compactedBytes = journal.usedBytes;
      return mailbox;
    } catch (fault) {
      await journal.close();
      throw fault;
    }
  }

  /**
   * Returns how often this mailbox was opened, from 1. Identifies the life of the session's memory.
   */
  get life(): number {
    return this.#life;
  }

  /** The highest seq that is durable. */
  get acceptedSeq(): number {
    return this.#acceptedSeq;
  }

  /** Returns the highest seq that was accepted, durable or not yet. */
  get takenSeq(): number {
    return this.#takenSeq;
  }

  get syncs(): number {
    return this.#journal.syncs;
  }

  get(messageId: string): Entry | undefined {
    return this.#entries.get(messageId);
  }

  /**
   * Returns whether an earlier message was lost with a connection. If this one were accepted now,
   * it would overtake that one.
   */
  isEarly(message: Deliver): boolean {
    return message.afterSeq > Math.max(this.#takenSeq, this.#settledSeq);
  }

  /** Returns whether the message was accepted before, or is no longer needed. */
  knows({ messageId, seq }: Deliver): boolean {
    return this.#entries.knows(messageId) || seq <= Math.max(this.#acceptedSeq, this.#settledSeq);
  }

  /** See {@link Entries.next}. */
  next(isInProgress: (messageId: string) => boolean): Entry | undefined {
    return this.#entries.next(isInProgress);
  }

  /** See {@link Entries.hasWaiting}. */
  hasWaiting(isInProgress: (messageId: string) => boolean): boolean {
    return this.#entries.hasWaiting(isInProgress);
  }

  /** See {@link Entries.answers}. */
  answers(isConcurrent: (agent: string) => boolean): Answer[] {
    return this.#entries.answers(isConcurrent);
  }

  /** See {@link Entries.backlog}. */
  backlog(): { count: number; bytes: number } {
    return this.#entries.backlog();
  }

  /**
   * Stores a new message. With a run id, the same write also starts the run: a crash leaves both,
   * only the message, or nothing. Rejects with {@link JournalFull}, having stored neither.
   */
  async take(message: Deliver, runId?: string): Promise<void> {
    this.#takenSeq = Math.max(this.#takenSeq, message.seq);
    const entry = newEntry(message, false);
    entry.runId = runId;
    const begun = runId === undefined ? [] : [runRecord(this.#sessionId, message.messageId, runId, message.agent)];
    entry.taken = this.#append(
      [messageRecord(message), ...begun],
      SPARE_BYTES,
      () => this.#entries.set(entry),
      () => this.#entries.delete(message.messageId),
    );
    await entry.taken;
    entry.durable = true;
    this.#acceptedSeq = Math.max(this.#acceptedSeq, message.seq);
  }

  /** Stores a message that does not fit, without its content and with the error that answers it. */
  async refuse(message: Deliver, answer: Answer): Promise<void> {
    const stub = { ...message, content: '', contextJson: '', router: null };
    const entry: Entry = { ...newEntry(stub, false), answer };
    // The answer comes first: half of this write must not look like an empty message that waits to
    // run.
    entry.taken = this.#append(
      [answerRecord(answer), messageRecord(stub)],
      0,
      () => this.#entries.set(entry),
      () => this.#entries.delete(message.messageId),
    );
    await entry.taken;
    entry.durable = true;
    entry.answered = true;
    this.#acceptedSeq = Math.max(this.#acceptedSeq, message.seq);
  }

  /** Records that a run starts. Rejects with {@link JournalFull}, having recorded nothing. */
  async begin(entry: Entry, runId: string): Promise<void> {
    const { runId: before, hops } = entry;
    await this.#append(
      [runRecord(this.#sessionId, entry.message.messageId, runId, entry.message.agent)],
      0,
      () => {
        entry.runId = runId;
        entry.hops = [];
      },
      () => {
        entry.runId = before;
        entry.hops = hops;
      },
    );
  }

  /**
   * Records the state of a hop, which is one of the entry's. Rejects with {@link JournalFull}, having
   * recorded nothing.
   */
  recordHop({ message, runId = '' }: Entry, hop: Hop): Promise<void> {
    const record = runRecord(this.#sessionId, message.messageId, runId, message.agent, hop);
    return this.#append(
      [record],
      SPARE_BYTES,
      () => undefined,
      () => undefined,
    );
  }

  /**
   * Records the answer, which can be sent at once: the controller keeps the first that it gets. If
   * this process dies before the sync, another answer can follow, which is then dropped. Rejects with
   * {@link JournalFull} if there is no room: a shorter answer can fit.
   */
  answer(entry: Entry, answer: Answer): Promise<void> {
    return this.#append(
      [answerRecord(answer)],
      0,
      () => {
        entry.answer = answer;
        entry.answered = true;
      },
      () => {
        entry.answer = undefined;
        entry.answered = false;
      },
    );
  }

  /**
   * Drops all messages up to this seq without an answer: they were answered elsewhere or cleared,
   * and never run. A running one stays; its answer and existing ones are settled individually.
   */
  settleUpTo(seq: number, running: ReadonlySet<string>): void {
    this.#settledSeq = Math.max(this.#settledSeq, seq);
    for (const { message, answer } of this.#entries.all()) {
      if (!answer && message.seq <= seq && !running.has(message.messageId)) this.settle(message.messageId);
    }
  }

  settle(messageId: string): void {
    if (!this.#entries.get(messageId)) return;
    this.#entries.settle(messageId);
    this.#unwritten.push(messageId);
    const appended = this.#journal.usedBytes - this.#compactedBytes;
    // One compaction at a time, because each writes everything that remains.
    if (this.#compacting || appended <= this.#journal.allocatedBytes / 4) return;
    this.#compacting = true;
    this.#compact()
      .catch(() => undefined)
      .finally(() => {
        this.#compacting = false;
      });
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  /**
   * Memory changes before the record is written: a compaction requested meanwhile comes after it in
   * the journal and must include it. If there is no room, the journal is compacted and the write
   * retried once.
   */
  async #append(records: readonly Uint8Array[], spareBytes: number, apply: () => void, revert: () => void): Promise<void> {
    const settled = this.#unwritten;
    this.#unwritten = [];
    for (const messageId of settled) this.#journal.append(settledRecord(this.#sessionId, messageId)).catch(() => undefined);
    const write = () => {
      apply();
      return this.#journal.appendAll(records, spareBytes);
    };
    try {
      await write().catch((fault: unknown) => {
        if (!(fault instanceof JournalFull)) throw fault;
        revert();
        this.#compact().catch(() => undefined);
        return write();
      });
    } catch (fault) {
      revert();
      throw fault;
    }
  }

  async #stamp(): Promise<void> {
    const record = stampRecord(this.#sessionId, this.#acceptedSeq, this.#life);
    await this.#journal.append(record).catch((fault: unknown) => {
      if (!(fault instanceof JournalFull)) throw fault;
      return this.#compact();
    });
  }

  #compact(): Promise<void> {
    this.#unwritten = [];
    const records = recordsOf({ entries: this.#entries, acceptedSeq: this.#acceptedSeq, life: this.#life }, this.#sessionId);
    return this.#journal.compact(records).then(() => {
      this.#compactedBytes = this.#journal.usedBytes;
    });
  }
}
