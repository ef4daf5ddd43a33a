import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';
import type { CallGraph } from '../hops/call-graph.ts';
import type { Call, Run } from '../hops/calls.ts';
import { HopRecords } from '../hops/hop-records.ts';
import type { Entry } from '../mailbox/entries.ts';
import { type AgentRunDeps, AgentRuns, type Work } from './agent-run.ts';
import { recordHop } from './begin-run.ts';
import { REASONS, type Reason } from './reasons.ts';
import { errorEnd } from './run-end.ts';
import { type Handoff, MAX_REPLY_BYTES, type Peers, type RunEnd } from './worker-host.ts';

export interface MessageRunDeps extends AgentRunDeps {
  readonly graph: CallGraph;
  /** A run has ended, whose place is still taken. */
  runEnded(run: Run, message: Entry['message']): void;
  onFault(fault: unknown): void;
}

/** The outcome of a call, and the agent that it is from. */
export interface CallEnd {
  readonly end: RunEnd;
  readonly agent: string;
  readonly runId: string;
}

/**
 * The runs of one message: that of its own agent, and those of the agents that are asked, or get it
 * handed over.
 */
export class MessageRuns {
  readonly #of: MessageRunDeps;
  readonly #agents: AgentRuns;
  /** The answers on which the asks of a run still work. */
  readonly #answering = new WeakMap<Run, Set<Promise<unknown>>>();
  readonly #waiting = new Map<Call, (run: Run | undefined) => void>();

  constructor(of: MessageRunDeps) {
    this.#of = of;
    this.#agents = new AgentRuns(of);
    of.interruptions.onWithdrawn((call) => this.#place(call, undefined));
  }

  /** Runs a message, which has a place. The outcome is not stored yet. */
  async run(entry: Entry, run: Run): Promise<CallEnd> {
    const before = lastOf(entry);
    const end = this.#unable(entry);
    if (end !== undefined) {
      this.#of.runEnded(run, entry.message);
      return { end, agent: before.agent, runId: before.runId };
    }
    const chosen = entry.message.router === null ? undefined : before.first;
    return this.#carry({ entry, records: undefined, chosen }, run, entry.message.content, undefined);
  }

  /** Gives free places to the hops that wait for them. */
  beginWaiting(): void {
    for (const run of this.#of.graph.beginWaiting()) this.#place(run.call, run);
  }

  #place(call: Call, run: Run | undefined): void {
    this.#waiting.get(call)?.(run);
    this.#waiting.delete(call);
  }

  #unable(entry: Entry): RunEnd | undefined {
    const { cancelled, begun, wasStopped } = this.#of;
    const { messageId, agent, router } = entry.message;
    if (cancelled.has(messageId)) return errorEnd('cancelled');
    // A choice has no effect, so it can be repeated.
    const own = router === null ? [agent] : [];
    const all = [...own, ...entry.hops.flatMap(({ runId, toAgent }) => (runId === '' ? [] : [toAgent]))];
    if (entry.runId !== undefined && !begun.has(entry.runId) && !all.every((name) => this.#agents.specOf(name)?.idempotent)) {
      return errorEnd('agent_died', 'The session was restarted while the agent worked on this message.');
    }
    if (wasStopped(agent, entry.message)) return errorEnd('agent_stopped');
    return own.every((name) => this.#agents.specOf(name) !== undefined) ? undefined : errorEnd('agent_unknown');
  }

  /** Works on a call, from agent to agent, until one does not hand it over. */
  async #carry(work: Work, first: Run, firstContent: string, asked: Hop | undefined): Promise<CallEnd> {
    const hops: Hop[] = asked === undefined ? [] : [asked];
    let run = first;
    let content = firstContent;
    for (;;) {
      const { agent, call } = run;
      const asker = run;
      const hop = hops.at(-1);
      const peers: Peers = { ask: (to, text, signal) => this.#ask(work, asker, hop, to, text, signal) };
      const { end, runId } = await this.#agents.run({ run, work, content, hop, peers });
      await this.#endAsks(run);
      this.#of.runEnded(run, work.entry.message);
      const outcome = end.outcome === 'handoff' ? this.#handOver(work, run, end, hops) : end;
      if (outcome !== undefined) return this.#ended(work, hops, { end: outcome, agent, runId });
      content = end.content;
      const next = await this.#whenPlaced(call);
      if (next === undefined) return this.#ended(work, hops, { ...this.#cutOff(work, call), agent: call.agent, runId: '' });
      run = next;
    }
  }

  #cutOff({ entry }: Work, call: Call): { end: RunEnd } {
    return { end: errorEnd(this.#agents.cutOffReason(entry, call)) };
  }

  #ended({ entry, records }: Work, hops: readonly Hop[], ended: CallEnd): CallEnd {
    for (const hop of hops) {
      records?.ended(hop, ended.end);
      // Nothing waits for that: it is for the record after a crash.
      void recordHop(entry, hop, this.#of.mailbox, this.#of.onFault);
    }
    return ended;
  }

  /** Returns why the message is not handed over, if it is not. */
  #handOver(work: Work, run: Run, { agent, content }: Handoff, hops: Hop[]): RunEnd | undefined {
    const { graph } = this.#of;
    if (this.#agents.isSettled(work)) return this.#cutOff(work, run.call).end;
    const hop = this.#newHop(work, run, 'HANDOFF', hops.at(-1), agent, content);
    if (hop === undefined) return errorEnd('too_many_hops');
    hops.push(hop);
    if (this.#agents.isOver(work, run)) return this.#cutOff(work, run.call).end;
    const refused = this.#refused(work.entry, agent, content) ?? graph.handOver(run, agent);
    return refused === undefined
      ? undefined
      : errorEnd(refused, `${run.agent} cannot hand over to ${agent.slice(0, 63)}: ${REASONS[refused]}`);
  }

  async #ask(
    work: Work,
    run: Run,
    parent: Hop | undefined,
    agent: string,
    content: string,
    signal: AbortSignal | undefined,
  ): Promise<RunEnd> {
    if (this.#agents.isSettled(work)) return this.#cutOff(work, run.call).end;
    const hop = this.#newHop(work, run, 'ASK', parent, agent, content);
    if (hop === undefined) return errorEnd('too_many_hops');
    // Recorded all the same: the agent can still reply in its grace, and its answer's trace has all it asked.
    if (this.#agents.isOver(work, run)) return this.#ended(work, [hop], { ...this.#cutOff(work, run.call), agent, runId: '' }).end;
    const call = this.#refused(work.entry, agent, content) ?? this.#of.graph.ask(run, agent);
    if (typeof call === 'string') {
      const end = errorEnd(call, `${run.agent} cannot ask ${agent.slice(0, 63)}: ${REASONS[call]}`);
      return this.#ended(work, [hop], { end, agent, runId: '' }).end;
    }
    const drop = () => this.#of.interruptions.interrupt(call, 'asker_ended');
    signal?.addEventListener('abort', drop);
    const answer = this.#answerTo(work, call, content, hop);
    const answering = this.#answering.get(run) ?? new Set();
    this.#answering.set(run, answering.add(answer));
    try {
      return await answer;
    } finally {
      answering.delete(answer);
      signal?.removeEventListener('abort', drop);
    }
  }

  /** Returns undefined if the message has had all of its hops. */
  #newHop(work: Work, run: Run, kind: 'ASK' | 'HANDOFF', parent: Hop | undefined, toAgent: string, content: string): Hop | undefined {
    const { graph, deps } = this.#of;
    if (!graph.admits(run.call.turn)) return undefined;
    work.records ??= new HopRecords(work.entry.hops, deps.clock);
    return work.records.asked({ id: deps.random.uuid(), kind, parent, fromAgent: run.agent, toAgent, content });
  }

  #refused({ message }: Entry, agent: string, content: string): Reason | undefined {
    if (this.#agents.specOf(agent) === undefined) return 'agent_unknown';
    const isActive = message.agents.length === 0 || message.agents.includes(agent);
    if (!isActive || this.#of.wasStopped(agent, message)) return 'agent_stopped';
    return Buffer.byteLength(content) > MAX_REPLY_BYTES ? 'content_too_large' : undefined;
  }

  /** Always resolves: a failure of the disk ends this process. */
  async #answerTo(work: Work, call: Call, content: string, hop: Hop): Promise<RunEnd> {
    try {
      const run = await this.#whenPlaced(call);
      if (run !== undefined) return (await this.#carry(work, run, content, hop)).end;
      return this.#ended(work, [hop], { ...this.#cutOff(work, call), agent: call.agent, runId: '' }).end;
    } catch (fault) {
      this.#of.onFault(fault);
      return errorEnd('interrupted');
    } finally {
      this.#of.graph.end(call);
      this.beginWaiting();
    }
  }

  /** Resolves to undefined if nobody wants the answer any more. */
  #whenPlaced(call: Call): Promise<Run | undefined> {
    return new Promise((resolve) => {
      this.#waiting.set(call, resolve);
      this.beginWaiting();
    });
  }

  /** Interrupts the asks of a run that has ended: nobody waits for their answers any more. */
  async #endAsks(run: Run): Promise<void> {
    for (const call of run.asks) this.#of.interruptions.interrupt(call, 'asker_ended');
    await Promise.all(this.#answering.get(run) ?? []);
  }
}

/** Returns the agent that worked on the message last, before a crash, and the first one to get it. */
function lastOf({ message, runId, hops }: Entry): { readonly agent: string; readonly runId: string; readonly first: string | undefined } {
  let last: Hop | undefined;
  let first: string | undefined;
  for (const hop of hops) {
    if (hop.kind !== 'HANDOFF' || hop.runId === '' || hop.parentId !== (last?.id ?? '')) continue;
    last = hop;
    first ??= hop.toAgent;
  }
  return { agent: last?.toAgent ?? message.agent, runId: last?.runId ?? runId ?? '', first };
}
