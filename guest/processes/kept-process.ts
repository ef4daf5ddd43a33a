import type { Readable } from 'node:stream';
import {
  KEPT_OUTPUT_BYTES,
  type ProcessEnd,
  type ProcessState,
  SHOWN_COMMAND_CHARACTERS,
  type SignalName,
  type StartProcess,
  type TerminalSize,
} from '../../proto/streams/process-stream.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Command } from '../workers/command.ts';
import { type OutputKind, OutputRing, type Piece } from './output-ring.ts';
import { limitTime } from './time-limit.ts';

/**
 * How long after its end a process's output is awaited without any coming: what it left in the
 * background can keep the pipes open.
 */
const QUIET_MS = 100;
/** A reader that takes nothing for this long no longer delays the process, and misses output. */
const STALLED_MS = 10_000;
const MAX_PIECE_BYTES = 32 * 1024;

export interface KeptProcessDeps {
  readonly clock: Clock;
  /** Asked before the kept output takes more memory. */
  mayGrow(bytes: number): boolean;
  /** Called once, when the process has ended and its output was read. */
  over(process: KeptProcess): void;
}

/** Something that reads the output. */
interface Reader {
  position: number;
  takenAtMs: number;
  wake(): void;
}

export type Read = Piece | { readonly kind: 'gap'; readonly from: number; readonly to: number };

/**
 * A process that outlives those who are attached to it.
 * 1. Its newest output is kept. Readers begin at any offset, and each learns of the gap if output
 *    that it wants is no longer kept.
 * 2. A slow reader slows the process down, as a slow terminal does; one that takes nothing for ten
 *    seconds does not.
 * 3. Its end comes after its output, and never changes.
 */
export class KeptProcess {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly ring: OutputRing;
  readonly keepsAwake: boolean;
  readonly #deps: KeptProcessDeps;
  readonly #request: StartProcess;
  readonly #command: Command;
  readonly #shown: string;
  readonly #readers = new Set<Reader>();
  #size: TerminalSize | null;
  #isStdinOpen: boolean;
  readonly #lived: Promise<void>;
  #end: ProcessEnd | undefined;
  #isOver = false;
  #isLate = false;
  #heardAtMs: number;
  /** Called when a reader has taken something, or has gone. */
  #moved: (() => void)[] = [];

  constructor(pid: number, request: StartProcess, argv: readonly string[], command: Command, deps: KeptProcessDeps) {
    const { clock } = deps;
    this.pid = pid;
    this.startedAtMs = clock.now();
    this.#deps = deps;
    this.#request = request;
    this.#command = command;
    this.keepsAwake = request.keepAwake;
    this.#size = request.pty;
    this.#heardAtMs = clock.monotonic();
    this.ring = new OutputRing(KEPT_OUTPUT_BYTES, deps.mayGrow);
    const line = argv.join(' ').toWellFormed();
    this.#shown = line.length > SHOWN_COMMAND_CHARACTERS ? `${line.slice(0, SHOWN_COMMAND_CHARACTERS).toWellFormed()}…` : line;
    command.stdin.on('error', () => this.#stdinClosed());
    command.stdin.once('close', () => this.#stdinClosed());
    this.#isStdinOpen = true;
    if (!request.stdin && request.pty === null) this.closeStdin();
    this.#lived = this.#live();
  }

  get end(): ProcessEnd | undefined {
    return this.#isOver ? this.#end : undefined;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get state(): ProcessState {
    return {
      ...{ pid: this.pid, startedAtMs: this.startedAtMs, command: this.#shown, pty: this.#size },
      ...{ onDisconnect: this.#request.onDisconnect, stdinOpen: this.#isStdinOpen && !this.#isOver },
      ...{ attached: this.#readers.size, keptFrom: this.ring.start, outputBytes: this.ring.end },
      end: this.end ?? null,
    };
  }

  /** Reads from an offset; undefined: from now on. The last reader's end can kill the process. */
  read(offset: number | undefined): ProcessReader {
    const { clock } = this.#deps;
    const reader: Reader = {
      position: Math.min(offset ?? this.ring.end, this.ring.end),
      takenAtMs: clock.monotonic(),
      wake: () => undefined,
    };
    this.#readers.add(reader);
    return {
      offset: reader.position,
      take: () => this.#take(reader),
      more: () =>
        new Promise((resolve) => {
          reader.wake = resolve;
          if (this.#isOver || reader.position < this.ring.end) resolve();
        }),
      isAtEnd: () => this.#isOver && reader.position >= this.ring.end,
      close: () => {
        if (!this.#readers.delete(reader)) return;
        reader.wake();
        this.#tellMoved();
        if (this.#readers.size === 0 && this.#request.onDisconnect === 'kill') this.kill();
      },
    };
  }

  /** Resolves once more can be written. */
  async write(bytes: Buffer): Promise<void> {
    const { stdin } = this.#command;
    if (!this.#isStdinOpen || this.#isOver || stdin.destroyed || stdin.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const name of ['drain', 'close', 'error']) stdin.off(name, done);
        resolve();
      };
      for (const name of ['drain', 'close', 'error']) stdin.once(name, done);
    });
  }

  /** A terminal has no end of its input: the key ctrl-D says so. Returns false for one. */
  closeStdin(): boolean {
    if (this.#request.pty !== null) return false;
    this.#isStdinOpen = false;
    this.#command.stdin.end();
    return true;
  }

  /** Returns false for a process without a terminal. */
  resize(size: TerminalSize): boolean {
    if (this.#command.resize === undefined) return false;
    if (!this.#isOver) this.#command.resize(size);
    this.#size = size;
    return true;
  }

  /** To its process group, and to what is in the foreground of its terminal. */
  signal(name: SignalName): void {
    if (this.#end !== undefined) return;
    if (name === 'KILL') this.kill();
    else this.#command.signal(`SIG${name}`);
  }

  /** Kills it with all that it started. */
  kill(): void {
    if (!this.#isOver) this.#command.kill();
  }

  /** Resolves once it is over. */
  ended(): Promise<void> {
    return this.#lived;
  }

  async #live(): Promise<void> {
    const { clock } = this.#deps;
    const { stdout, stderr, ended } = this.#command;
    const limit = limitTime(clock, this.#request.timeoutMs, () => {
      this.#isLate = true;
      this.kill();
    });
    let isRead = false;
    const read = Promise.all([this.#keep('stdout', stdout), this.#keep('stderr', stderr)]).then(() => {
      isRead = true;
    });
    const { exitCode, signal } = await ended;
    limit.cancel();
    this.#end = { exitCode, signal, endedAtMs: clock.now(), ...(this.#isLate && exitCode === null ? { timedOut: true } : {}) };
    this.#heardAtMs = clock.monotonic();
    while (!isRead && (this.#moved.length > 0 || clock.monotonic() - this.#heardAtMs < QUIET_MS))
      await Promise.race([read, new Promise<void>((resolve) => clock.after(QUIET_MS / 4, resolve))]);
    this.#isOver = true;
    this.#isStdinOpen = false;
    for (const stream of [this.#command.stdin, stdout, stderr]) stream.destroy();
    this.#command.leave();
    for (const { wake } of this.#readers) wake();
    this.#deps.over(this);
  }

  async #keep(kind: OutputKind, from: Readable): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>)
        for (let at = 0; at < chunk.byteLength; at += MAX_PIECE_BYTES) {
          if (this.#isOver) return;
          const piece = chunk.subarray(at, at + MAX_PIECE_BYTES);
          await this.#room(piece.byteLength);
          this.#heardAtMs = this.#deps.clock.monotonic();
          this.ring.append(kind, piece);
          for (const { wake } of this.#readers) wake();
        }
    } catch {
      // A terminal fails when its last process has gone; pipes are destroyed at the end.
    }
  }

  /** Resolves once no reader that still reads would miss output. */
  async #room(bytes: number): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      const now = clock.monotonic();
      const lagging = [...this.#readers].filter(
        ({ position, takenAtMs }) => this.ring.end + bytes - position > KEPT_OUTPUT_BYTES && now - takenAtMs < STALLED_MS,
      );
      const [first] = lagging;
      if (first === undefined) return;
      const leftMs = Math.min(...lagging.map(({ takenAtMs }) => takenAtMs + STALLED_MS - now));
      await new Promise<void>((resolve) => {
        const timer = clock.after(leftMs, resolve);
        this.#moved.push(() => {
          timer.cancel();
          resolve();
        });
      });
    }
  }

  #take(reader: Reader): Read | undefined {
    const { start, end } = this.ring;
    const { position } = reader;
    if (position < start) {
      reader.position = start;
      return { kind: 'gap', from: position, to: start };
    }
    if (position >= end) return undefined;
    const piece = this.ring.read(position, MAX_PIECE_BYTES);
    if (piece === undefined) return undefined;
    reader.position += piece.bytes.byteLength;
    reader.takenAtMs = this.#deps.clock.monotonic();
    this.#tellMoved();
    return piece;
  }

  #tellMoved(): void {
    for (const moved of this.#moved.splice(0)) moved();
  }

  #stdinClosed(): void {
    this.#isStdinOpen = false;
  }
}

export interface ProcessReader {
  /** Where it begins. */
  readonly offset: number;
  /** Returns the next output, or undefined if there is none yet. */
  take(): Read | undefined;
  /** Resolves once there is more to take, or the process is over. Await one at a time. */
  more(): Promise<void>;
  /** Whether all was taken that ever comes. */
  isAtEnd(): boolean;
  close(): void;
}
