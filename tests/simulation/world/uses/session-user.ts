import type { ExecObject } from '../../../../controller/contract/exec.ts';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import type { Outcome, Refusal } from '../../../../controller/domain/engine/outcome.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import type { Services } from '../../../../controller/services/services.ts';
import type { ExecEnd } from '../../../../proto/streams/exec-stream.ts';
import { StreamError } from '../../../../proto/streams/reasons.ts';
import type { Client } from '../client.ts';
import type { Life } from '../life.ts';
import { isSpaceFull } from '../spaces.ts';
import { disturb } from './disturbances.ts';
import { KeptUse } from './kept-use.ts';
import { argvOf, numbered, type Script } from './programs.ts';

const USES = 14;
/** Longer than a session can take to come up, and a stopped controller to go on. */
const OPENED_WITHIN_MS = 220_000;
/** What a client that has gone left is given up within this time. */
const GONE_WITHIN_MS = 5_000;
/** A session that is up for so long was seen by those who wait for it. */
const SEEN_WITHIN_MS = 10_000;

export interface Used {
  readonly id: string;
  readonly sessionId: SessionId;
  /** The row when the use began, as its controller shows it: a commit that is not durable yet is shown to nobody. */
  readonly before: SessionRow | undefined;
  readonly wake: boolean;
  readonly gone: AbortSignal;
  /** Of the controller's process. */
  readonly life: Life;
}

type Work = (used: Used, services: Services, caller: Caller) => Promise<void>;

/** Runs commands in sessions, among all other work and faults. */
export class SessionUser {
  readonly #client: Client;
  readonly #works: readonly ((script: Script) => Work)[];

  constructor(client: Client) {
    this.#client = client;
    this.#works = [(script) => this.#whole(script), (script) => this.#piecewise(script)];
  }

  async run(): Promise<void> {
    const { random, cluster } = this.#client;
    for (let at = 0; at < USES; at += 1) {
      await cluster.time.sleep(random.between(100, 5_000));
      if (!this.#hasOwn) await this.#create();
      const id = this.#client.fresh();
      const script = someScript(random.fork(id), id);
      const isKept = random.chance(0.35);
      const work = isKept ? () => this.#kept(script) : random.pick(this.#works);
      const use = work === undefined ? Promise.resolve() : this.#use(id, work(script), script, isKept);
      // Some at once.
      if (random.chance(0.7)) await use;
      else this.#beside.push(use);
    }
    await Promise.all(this.#beside);
  }

  readonly #beside: Promise<void>[] = [];
  #hasOwn = false;

  /** A session that rests soon after each use. */
  async #create(): Promise<void> {
    const { random, book } = this.#client;
    const body = { name: this.#client.fresh(), timeouts: { [random.chance(0.6) ? 'idle_pause_s' : 'idle_suspend_s']: random.whole(7, 9) } };
    const made = await this.#client.ask('create', (services, caller) => services.sessions.create(caller, body));
    if (made === 'lost' || !made.ok) return;
    book.session(made.value.id, true);
    this.#hasOwn = true;
  }

  /** Resolves when it is over, also with the controller's process. */
  #use(id: string, work: Work, { durationMs }: Script, isKept: boolean): Promise<void> {
    const { cluster, random } = this.#client;
    const { time, chronicle, auditors, trace, violation } = cluster;
    const sessions = [...chronicle.sessions.values()].filter(({ desired }) => desired !== 'deleted' && desired !== 'failed');
    const up = sessions.filter(({ desired }) => desired === 'running');
    const timed = up.filter(({ timeouts }) => Object.keys(timeouts).some((name) => name.startsWith('idle_')));
    const row = random.pick(random.chance(0.4) && timed.length > 0 ? timed : random.chance(0.5) ? up : sessions);
    const wake = !random.chance(0.15);
    const leavesMs = durationMs === ENDLESS_MS || random.chance(0.25) ? random.mostlySmall(0, 16_000) : undefined;
    if (random.chance(0.35) && row !== undefined) disturb(this.#client, id, row.id);
    const process = cluster.controller;
    if (process === undefined || row === undefined || !cluster.takesRequests) return Promise.resolve();
    const sessionId = row.id as SessionId;
    return new Promise((resolve) => {
      const leaving = new AbortController();
      let isOver = false;
      const over = (how: string, isHeard: boolean) => {
        if (isOver) return;
        isOver = true;
        death.cancel();
        patience.cancel();
        auditors.uses.ended(id, isHeard);
        trace.note(this.#client.name, `${id} in ${sessionId}: ${how}`);
        resolve();
      };
      const leave = () =>
        process.life.run(() => {
          if (isOver || leaving.signal.aborted) return;
          auditors.uses.ended(id, true);
          leaving.abort();
          const late = () => process.life.run(() => violation(`${id} goes on in the controller, and its client has gone`));
          given = time.schedule(GONE_WITHIN_MS, late);
        });
      let given: { cancel(): void } | undefined;
      const death = process.life.atDeath(() => {
        given?.cancel();
        over('lost with the controller', false);
      });
      const patience = time.schedule(leavesMs ?? OPENED_WITHIN_MS, () => {
        if (leavesMs === undefined && auditors.uses.runOf(id) === undefined && !process.life.isStopped && isUpLong())
          violation(`${id} has no answer and no program, and ${sessionId} is up`);
        leave();
      });
      const isUpLong = () => time.now - (auditors.uses.upSince(sessionId) ?? time.now) > OPENED_WITHIN_MS;
      process.life.run(() => {
        const { services } = process.core;
        const caller = cluster.administrator(services);
        if (caller === undefined || !cluster.takesRequests) return over('not asked', true);
        auditors.uses.begun({ id, sessionId, isOneStream: !isKept });
        const used = {
          id,
          sessionId,
          before: process.core.view.get('sessions', sessionId),
          wake,
          gone: leaving.signal,
          life: process.life,
        };
        work(used, services, caller)
          .then(
            () => process.life.run(() => over('done', true)),
            (fault: unknown) => {
              if (!process.life.isDead) violation(`${id} failed inside: ${String(fault)}`);
              over('failed', true);
            },
          )
          .finally(() => given?.cancel());
      });
    });
  }

  /** As `POST /exec` without a stream. */
  #whole(script: Script): Work {
    return async (used, { exec }, caller) => {
      const input = { argv: argvOf(script), wake: used.wake, ...boundsOf(script, this.#client.random.fork(script.id)) };
      const outcome = await exec.run(caller, used.sessionId, input, { standing: 'admin' }, used.gone);
      if (!outcome.ok) return this.#judgeRefusal(used, script, outcome.refusal);
      this.#judgeEnd(used, { ...fromObject(outcome.value), fault: '' });
      const stdout = Buffer.from(outcome.value.stdout);
      // What it echoes on standard error can be cut alone.
      const isCut = outcome.value.truncated && stdout.byteLength === input.max_output_bytes;
      this.#judgeOutput(used, script, stdout, isCut);
    };
  }

  /** As `POST /exec?stream=sse`. */
  #piecewise(script: Script): Work {
    return async (used, { exec }, caller) => {
      const { max_output_bytes: _, ...bounds } = boundsOf(script, this.#client.random.fork(script.id));
      const input = { argv: argvOf(script), wake: used.wake, ...bounds };
      const outcome: Outcome<{ frames: AsyncIterable<{ kind: string }>; end(): void }> = await exec.start(
        caller,
        used.sessionId,
        input,
        { standing: 'admin' },
        used.gone,
      );
      if (!outcome.ok) return this.#judgeRefusal(used, script, outcome.refusal);
      const { frames, end } = outcome.value;
      used.gone.addEventListener('abort', end);
      if (used.gone.aborted) end();
      const stdout: Buffer[] = [];
      let last: ExecEnd | undefined;
      try {
        for await (const frame of frames as AsyncIterable<{ kind: string; bytes: Buffer; end: ExecEnd }>) {
          if (last !== undefined) this.#client.violation(`${used.id} goes on after its end`);
          if (frame.kind === 'end') last = frame.end;
          if (frame.kind === 'stdout') stdout.push(frame.bytes);
        }
        if (last === undefined && !used.gone.aborted) this.#client.violation(`${used.id} ended well without an end`);
      } catch (fault) {
        if (!(fault instanceof StreamError) && !used.gone.aborted) throw fault;
      }
      const whole = Buffer.concat(stdout);
      if (!whole.equals(numbered(0, whole.byteLength))) this.#client.violation(`${used.id} printed something else`);
      if (last === undefined) return;
      if (last.fault === '') this.#judgeEnd(used, last);
      else if (!script.isMissing) this.#client.violation(`${used.id} was not started: ${last.fault}`);
      if (last.fault === '') this.#judgeOutput(used, script, whole, false);
    };
  }

  /** As `POST /processes`, and attachments to it. */
  #kept(script: Script): Work {
    const plain = { ...script, echoes: false };
    const kept = new KeptUse(this.#client, plain);
    return async (used, services, caller) => {
      const outcome = await kept.work(used, services, caller);
      if (!outcome.ok) this.#judgeRefusal(used, plain, outcome.refusal);
    };
  }

  #judgeEnd({ id }: Used, { exitCode, signal, timedOut }: Pick<ExecEnd, 'exitCode' | 'signal' | 'timedOut' | 'fault'>): void {
    const run = this.#client.cluster.auditors.uses.runOf(id);
    const end = run?.end;
    if (end === undefined) this.#client.violation(`${id} ended, and its program did not`);
    else if (end.exitCode !== exitCode || end.signal !== signal)
      this.#client.violation(`${id} ended with ${signal ?? exitCode}, its program with ${end.signal ?? end.exitCode}`);
    if ((signal === 'SIGKILL') !== timedOut) this.#client.violation(`${id} ended with ${signal ?? exitCode}, timed out: ${timedOut}`);
  }

  #judgeOutput({ id }: Used, script: Script, output: Buffer, isTruncated: boolean): void {
    const printed = this.#client.cluster.auditors.uses.runOf(id)?.bytes ?? 0;
    if (!output.equals(numbered(0, output.byteLength))) this.#client.violation(`${id} printed something else`);
    if (isTruncated ? output.byteLength >= printed : output.byteLength !== printed)
      this.#client.violation(`${id} printed ${printed} bytes of ${script.bytes}, and ${output.byteLength} came`);
  }

  #judgeRefusal(used: Used, script: Script, { code, message, ...refusal }: Refusal): void {
    const { id, sessionId, before, gone, wake } = used;
    const { cluster } = this.#client;
    cluster.trace.note(this.#client.name, `${id}: ${code} ${message}`);
    if (gone.aborted) return;
    const now = cluster.view.get('sessions', sessionId);
    const isSame = before !== undefined && now?.generation === before.generation;
    const upMs = cluster.time.now - (cluster.auditors.uses.upSince(sessionId) ?? cluster.time.now);
    const violation = (what: string) => this.#client.violation(`${id} in ${sessionId}, ${before?.desired}: ${what}: ${code} ${message}`);
    if (code === 'NOT_FOUND' && isSame && now?.desired !== 'deleted') violation('it is there');
    if (code === 'UNPROCESSABLE_ENTITY' && !script.isMissing) violation('it can be started');
    if (code === 'CONFLICT' && isSame && !isSpaceFull({ code, message, ...refusal })) {
      if (before.desired === 'running') violation('it was up all the time');
      else if (before.desired !== 'failed' && wake) violation('it was not woken');
    }
    if (code === 'UNAVAILABLE' && message.startsWith('The session is not running yet') && upMs > SEEN_WITHIN_MS)
      violation(`it is up for ${Math.round(upMs)} ms`);
    const allowed = ['NOT_FOUND', 'UNPROCESSABLE_ENTITY', 'CONFLICT', 'UNAVAILABLE', 'RATE_LIMITED'];
    if (!allowed.includes(code)) violation('unexpected');
  }
}

const fromObject = ({ exit_code: exitCode, signal, timed_out: timedOut }: ExecObject) => ({ exitCode, signal, timedOut });

type Draws = Client['random'];

/** Such a program ends only when it is killed, since its time limit is as long. */
const ENDLESS_MS = 10 ** 7;

function someScript(random: Draws, id: string): Script {
  return {
    id,
    bytes: random.mostlySmall(0, 30_000) | 0,
    pieces: random.whole(1, 4),
    durationMs: random.chance(0.15) ? ENDLESS_MS : random.chance(0.6) ? random.mostlySmall(1, 10_000) : random.between(1_000, 20_000),
    exitCode: random.pick([0, 0, 1, 7]) ?? 0,
    echoes: random.chance(0.3),
    leaves: random.chance(0.2),
    isMissing: random.chance(0.05),
  };
}

function boundsOf({ durationMs, echoes }: Script, random: Draws) {
  return {
    ...(durationMs === ENDLESS_MS ? { timeout_ms: ENDLESS_MS } : random.chance(0.2) ? { timeout_ms: random.whole(500, 20_000) } : {}),
    ...(random.chance(0.1) ? { max_output_bytes: random.whole(0, 3_000) } : {}),
    ...(echoes ? { stdin: 'input'.repeat(random.whole(1, 400)) } : {}),
  };
}
