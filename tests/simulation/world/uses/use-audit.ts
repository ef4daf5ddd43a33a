import type { Mutation } from '../../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { NewEvent } from '../../../../controller/domain/events/events.ts';
import { isSettled } from '../../../../controller/domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { Life } from '../life.ts';
import type { Machine } from '../machine.ts';

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A program that a use started. */
export interface ProgramRun {
  readonly life: Life;
  readonly machine: string;
  readonly sessionId: string;
  readonly startedMs: number;
  /** On which it listens while it runs. */
  readonly port: number;
  /** Keeps its session from idling. */
  readonly keepsAwake: boolean;
  /** Printed on its standard output. */
  bytes: number;
  /** Undefined: it runs, or ended with its guest. */
  end: ProgramEnd | undefined;
  endedMs?: number;
}

/** A use from the request to its answer, or until its client has gone. */
export interface OpenUse {
  readonly id: string;
  readonly sessionId: string;
  readonly sinceMs: number;
  /** Whether one stream is open all the time. */
  readonly isOneStream: boolean;
}

export interface UseAuditDeps {
  readonly nowMs: () => number;
  readonly violation: (what: string) => void;
}

const FIRST_PORT = 20_000;
/** A use can begin while its session expires. */
const JUST_BEGUN_MS = 1_000;
/** Tolerance of times in rows, as for all deadlines. */
const EARLY_MS = 5_000;
/** News of a process travels to the store within this time. */
const NEWS_MS = 4_000;
/** A program hears of the end of its reader within this time. */
const HEARS_MS = 30_000;

/** What was used by whom, as only the simulation can know. */
export class UseAudit {
  readonly #deps: UseAuditDeps;
  readonly #runs = new Map<string, ProgramRun>();
  readonly #open = new Map<string, OpenUse>();
  #justEnded: (OpenUse & { readonly endedMs: number })[] = [];
  readonly #closedMs = new Map<string, number>();
  /** Since when a session is up without a break. */
  readonly #upSince = new Map<string, number>();
  /** When each session last had a use that its controller saw end. */
  readonly #lastUse = new Map<string, number>();
  readonly #desired = new Map<string, { readonly now: SessionRow['desired']; readonly before: SessionRow['desired'] | undefined }>();
  readonly #timeouts = new Map<string, SessionRow['timeouts']>();
  /** By process of a guest. */
  readonly guests = new Map<Life, { readonly machine: string; readonly openStreams: number }>();

  constructor(deps: UseAuditDeps) {
    this.#deps = deps;
  }

  started(id: string, of: Pick<ProgramRun, 'life' | 'machine' | 'sessionId'>): ProgramRun {
    const run: ProgramRun = {
      ...{ ...of, startedMs: this.#deps.nowMs(), port: FIRST_PORT + this.#runs.size },
      ...{ keepsAwake: this.#keepingAwake.has(id), bytes: 0, end: undefined },
    };
    of.life.atDeath(() => {
      run.endedMs ??= this.#deps.nowMs();
    });
    if (this.#runs.has(id)) this.#deps.violation(`the program of ${id} was started twice`);
    if (!this.#recorded.has(id)) this.#deps.violation(`the program of ${id} was started before its use was recorded`);
    this.#runs.set(id, run);
    return run;
  }

  /** The ports on which programs in one run of a container listen. */
  portsIn(life: Life): readonly number[] {
    return [...this.#runs.values()].flatMap((run) => (run.life === life && run.end === undefined ? [run.port] : []));
  }

  /** Judges a list of a session's ports that was asked for at a time. `wasUp`: the session ran then. */
  judgePorts(sessionId: string, ports: readonly number[], { askedMs, wasUp }: { readonly askedMs: number; readonly wasUp: boolean }): void {
    const runs = [...this.#runs.values()].filter((run) => run.sessionId === sessionId);
    for (const port of ports)
      if (!runs.some((run) => run.port === port && (run.endedMs ?? askedMs) >= askedMs))
        this.#deps.violation(`nothing listens on port ${port} of ${sessionId}`);
    for (const { port, startedMs, endedMs } of runs)
      if (wasUp && startedMs < askedMs && endedMs === undefined && !ports.includes(port))
        this.#deps.violation(`the ports of ${sessionId} lack ${port}, which is open for ${Math.round(this.#deps.nowMs() - startedMs)} ms`);
  }

  runOf(id: string): ProgramRun | undefined {
    return this.#runs.get(id);
  }

  begun(use: Omit<OpenUse, 'sinceMs'>): void {
    this.#open.set(use.id, { ...use, sinceMs: this.#deps.nowMs() });
  }

  /** `isHeard`: its controller is there to see it. */
  ended(id: string, isHeard: boolean): void {
    const use = this.#open.get(id);
    if (use === undefined) return;
    this.#open.delete(id);
    this.#justEnded = this.#justEnded.filter(({ endedMs }) => endedMs === this.#deps.nowMs());
    this.#justEnded.push({ ...use, endedMs: this.#deps.nowMs() });
    this.#closedMs.set(id, this.#deps.nowMs());
    if (isHeard && use.isOneStream && this.#runs.has(id)) this.#lastUse.set(use.sessionId, this.#deps.nowMs());
    else this.#lastUse.delete(use.sessionId);
  }

  /** Since when a session is up, in simulated time. Undefined: it is not. */
  upSince(sessionId: string): number | undefined {
    return this.#upSince.get(sessionId);
  }

  committed(mutations: readonly Mutation[], events: readonly NewEvent[]): void {
    for (const { type, data } of events) if (type === 'session.exec') this.#record(String(data.command));
    for (const mutation of mutations) {
      if (mutation.kind !== 'put' || mutation.table !== 'sessions') continue;
      const { row } = mutation;
      this.#timeouts.set(row.id, row.timeouts);
      this.#awakeBecomes(row);
      const { now } = this.#desired.get(row.id) ?? {};
      if (now !== row.desired) this.#desired.set(row.id, { now: row.desired, before: now });
      if (row.desired !== 'running' || !isSettled(row)) this.#upSince.delete(row.id);
      else if (!this.#upSince.has(row.id)) this.#upSince.set(row.id, this.#deps.nowMs());
    }
  }

  restored(rows: Iterable<SessionRow>): void {
    this.#upSince.clear();
    this.#lastUse.clear();
    this.#awakeSince.clear();
    for (const row of rows) this.#awakeBecomes(row);
  }

  #awakeBecomes({ id, keptAwake }: SessionRow): void {
    if (!keptAwake) this.#awakeSince.delete(id);
    else if (!this.#awakeSince.has(id)) this.#awakeSince.set(id, this.#deps.nowMs());
  }

  #record(command: string): void {
    const id = /"id":"([^"]+)"/.exec(command)?.[1];
    if (id === undefined) return;
    if (this.#recorded.has(id)) this.#deps.violation(`the use ${id} was recorded twice`);
    this.#recorded.add(id);
  }

  /** A controller reports that a session's timeout took effect. */
  expired(sessionId: string, expiry: string): void {
    if (expiry !== 'pause' && expiry !== 'suspend') return;
    const { nowMs, violation } = this.#deps;
    for (const { id, sinceMs, isOneStream, ...use } of [...this.#open.values(), ...this.#endedNow()])
      if (isOneStream && use.sessionId === sessionId && nowMs() - sinceMs > JUST_BEGUN_MS && this.#runs.has(id))
        violation(`${sessionId} expired (${expiry}) beneath ${id}, which began ${Math.round(nowMs() - sinceMs)} ms before`);
    const awakeMs = nowMs() - (this.#awakeSince.get(sessionId) ?? nowMs());
    const wasUp = this.#desired.get(sessionId)?.before === 'running';
    for (const [id, run] of this.#runs)
      if (wasUp && awakeMs > JUST_BEGUN_MS && run.sessionId === sessionId && keepsAwake(run))
        violation(`${sessionId} expired (${expiry}) beneath the process of ${id}, which keeps it awake`);
    const timeouts = this.#timeouts.get(sessionId);
    const limitS = expiry === 'pause' ? timeouts?.idle_pause_s : timeouts?.idle_suspend_s;
    const lastMs = this.#lastUse.get(sessionId);
    if (limitS === undefined || lastMs === undefined) return;
    if (nowMs() - lastMs + EARLY_MS < limitS * 1000)
      violation(`${sessionId} expired (${expiry}) ${Math.round(nowMs() - lastMs)} ms after its last use, not ${limitS} s`);
  }

  /** Those that a suspended session ends with its commit, before anybody can report it. */
  #endedNow(): readonly OpenUse[] {
    return this.#justEnded.filter(({ endedMs }) => endedMs === this.#deps.nowMs());
  }

  /** Called at rest. `isPresent`: of machines that were not removed. */
  judge(isPresent: (machine: string) => boolean): void {
    const { nowMs, violation } = this.#deps;
    for (const use of this.#open.values()) violation(`the use ${use.id} has no end`);
    for (const [id, { end, life, machine }] of this.#runs) {
      if (end !== undefined || life.isDead || life.isStopped || !isPresent(machine) || this.#kept.has(id)) continue;
      if (nowMs() - (this.#closedMs.get(id) ?? 0) > HEARS_MS) violation(`the program of ${id} runs on for nobody`);
    }
  }

  /** Called at rest: the store knows which sessions processes keep awake. */
  judgeAwake(machines: readonly Pick<Machine, 'id' | 'guests'>[], view: View): void {
    const nowMs = this.#deps.nowMs();
    for (const { id: nodeId, guests } of machines)
      for (const [sessionId, life] of guests) {
        const row = view.get('sessions', sessionId);
        if (row?.nodeId !== nodeId || row.desired !== 'running') continue;
        const runs = [...this.#runs.values()].filter((run) => run.life === life && run.keepsAwake);
        if (runs.some(({ startedMs, endedMs = 0 }) => nowMs - Math.max(startedMs, endedMs) < NEWS_MS)) continue;
        const isAwake = runs.some(keepsAwake);
        if (row.keptAwake !== isAwake)
          this.#deps.violation(`processes of ${sessionId} keep it awake: ${isAwake}, and the store says ${row.keptAwake}`);
      }
  }

  /** Called at the end, when every session is up. */
  judgeLeft(isPresent: (machine: string) => boolean): void {
    for (const [life, guest] of this.guests) {
      if (life.isDead) this.guests.delete(life);
      // A frozen guest hears of the end of a shared stream when it is resumed.
      else if (isPresent(guest.machine) && !life.isStopped && guest.openStreams > 0)
        this.#deps.violation(`the guest ${life.name} has ${guest.openStreams} byte streams that nobody reads`);
    }
  }

  /** Whether a guest that runs has byte streams open. */
  hasStreams(isPresent: (machine: string) => boolean): boolean {
    return [...this.guests].some(
      ([life, { machine, openStreams }]) => !life.isDead && !life.isStopped && isPresent(machine) && openStreams > 0,
    );
  }

  /** Ids of uses whose event was committed. */
  readonly #recorded = new Set<string>();
  readonly #keepingAwake = new Set<string>();
  /** Since when the store says that processes keep a session awake. */
  readonly #awakeSince = new Map<string, number>();

  keepAwake(id: string): void {
    this.#keepingAwake.add(id);
  }

  /** Ids of programs that go on without a reader. */
  readonly #kept = new Set<string>();

  keep(id: string): void {
    this.#kept.add(id);
  }
}

const keepsAwake = ({ keepsAwake, end, life }: ProgramRun): boolean => keepsAwake && end === undefined && !life.isDead;
