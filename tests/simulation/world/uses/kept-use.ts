import type { Outcome } from '../../../../controller/domain/engine/outcome.ts';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import type { Asking, Attached } from '../../../../controller/services/commands/process-service.ts';
import type { Services } from '../../../../controller/services/services.ts';
import { StreamError } from '../../../../proto/streams/reasons.ts';
import type { Client } from '../client.ts';
import { argvOf, numbered, type Script } from './programs.ts';
import type { Used } from './session-user.ts';

const ATTACHMENTS = 4;

/** What a client knows of a process that it started. */
interface Known {
  readonly pid: number;
  readonly startedAtMs: number;
  /** Of the next byte. */
  offset: number;
  end: { readonly exitCode: number | null; readonly signal: string | null } | undefined;
}

/**
 * Starts a process that the guest keeps, leaves it, and attaches to it again where it left, until
 * it has read its end.
 */
export class KeptUse {
  readonly #client: Client;
  readonly #script: Script;
  readonly #random: Client['random'];

  constructor(client: Client, script: Script) {
    this.#client = client;
    this.#script = script;
    this.#random = client.random.fork(`kept ${script.id}`);
  }

  async work(used: Used, { processes }: Services, caller: Caller): Promise<Outcome<unknown>> {
    const { uses } = this.#client.cluster.auditors;
    const asking: Asking = { caller, payer: { standing: 'admin' }, signal: used.gone };
    const isAwake = this.#client.random.fork(`awake ${used.id}`).chance(0.4);
    if (isAwake) uses.keepAwake(used.id);
    const input = { argv: argvOf(this.#script), stdin: false, wake: used.wake, keep_awake: isAwake };
    const isAttached = this.#random.chance(0.5);
    const isKilled = isAttached && this.#random.chance(0.4);
    if (!isKilled) uses.keep(used.id);
    let known: Known | undefined;
    if (isAttached) {
      const attached = await processes.run(asking, used.sessionId, { ...input, ...(isKilled ? { on_disconnect: 'kill' as const } : {}) });
      if (!attached.ok) return attached;
      const { pid, startedAtMs } = attached.value.process;
      known = { pid, startedAtMs, offset: 0, end: undefined };
      await this.#read(used, attached.value, known);
      if (isKilled) return attached;
    } else {
      const started = await processes.start(asking, used.sessionId, input);
      if (!started.ok) return started;
      known = { pid: started.value.id, startedAtMs: started.value.started_at_ms, offset: 0, end: undefined };
    }
    for (let at = 0; at < ATTACHMENTS && !used.gone.aborted; at += 1) {
      await this.#pause(used, this.#random.mostlySmall(0, 3_000));
      if (used.gone.aborted) break;
      const query = { offset: known.offset, started_at: known.startedAtMs };
      const attached = await processes.attach(asking, used.sessionId, known.pid, query);
      if (attached.ok) {
        if (attached.value.offset !== known.offset)
          this.#violation(used, `is attached at ${attached.value.offset}, not at ${known.offset}`);
        await this.#read(used, attached.value, known);
        // From its beginning once more.
        if (known.end !== undefined) known.offset = 0;
        continue;
      }
      const { code, message } = attached.refusal;
      this.#client.cluster.trace.note(this.#client.name, `${used.id}: ${code} ${message}`);
      const run = uses.runOf(used.id);
      if (code === 'NOT_FOUND' && message.includes('no process') && run !== undefined && !run.life.isDead)
        this.#violation(used, `is not found, and its guest ${run.life.name} lives`);
      if (code === 'NOT_FOUND') break;
    }
    return { ok: true, value: undefined };
  }

  /** Never resolves once the controller's process is dead. */
  #pause({ life }: Used, ms: number): Promise<void> {
    return new Promise((resolve) => this.#client.cluster.time.schedule(ms, () => life.run(resolve)));
  }

  async #read(used: Used, { process, frames, end }: Attached, known: Known): Promise<void> {
    const { time } = this.#client.cluster;
    if (!process.command.includes(`"${this.#script.id}"`)) this.#violation(used, `is attached to ${process.command}`);
    let hasLeft = false;
    const leave = () => {
      hasLeft = true;
      end();
    };
    const timer = this.#random.chance(0.5) ? time.schedule(this.#random.mostlySmall(0, 8_000), () => used.life.run(leave)) : undefined;
    let exits = 0;
    try {
      for await (const frame of frames) {
        if (exits > 0) this.#violation(used, 'goes on after its exit');
        if (frame.kind === 'stdout') {
          if (!frame.bytes.equals(numbered(known.offset, known.offset + frame.bytes.byteLength)))
            this.#violation(used, `printed something else at ${known.offset}`);
          known.offset += frame.bytes.byteLength;
        } else if (frame.kind === 'gap') this.#violation(used, `lacks its output from ${frame.from} to ${frame.to}`);
        else if (frame.kind === 'exit') {
          exits += 1;
          this.#judgeExit(used, known, frame.end);
        }
      }
      if (exits === 0 && !hasLeft && !used.gone.aborted) this.#violation(used, 'ended well without an exit');
    } catch (fault) {
      if (!(fault instanceof StreamError) && !hasLeft && !used.gone.aborted) throw fault;
    } finally {
      timer?.cancel();
      end();
    }
  }

  #judgeExit(used: Used, known: Known, { exitCode, signal }: NonNullable<Known['end']>): void {
    const run = this.#client.cluster.auditors.uses.runOf(used.id);
    const real = run?.end;
    if (real === undefined) this.#violation(used, 'has an exit, and its program runs');
    else if (real.exitCode !== exitCode || real.signal !== signal)
      this.#violation(used, `exits with ${signal ?? exitCode}, its program with ${real.signal ?? real.exitCode}`);
    if (run !== undefined && known.offset !== run.bytes) this.#violation(used, `has its exit after ${known.offset} of ${run.bytes} bytes`);
    if (known.end !== undefined && (known.end.exitCode !== exitCode || known.end.signal !== signal))
      this.#violation(used, 'has another exit than before');
    known.end = { exitCode, signal };
  }

  #violation({ id, sessionId }: Used, what: string): void {
    this.#client.violation(`the process of ${id} in ${sessionId} ${what}`);
  }
}
