import { z } from 'zod';
import { ROUTER } from '../../../controller/domain/messages/router.ts';
import type { Peers, Worker, WorkerEnd, WorkerHost } from '../../../guest/runs/worker-host.ts';
import type { Run } from './chronicle.ts';
import type { ProcessClock } from './clock.ts';
import type { Life } from './life.ts';
import type { SeededRandom } from './random.ts';
import { asksOf, type End, handOf, replyTo, scriptIn } from './scripts.ts';
import type { Surroundings } from './surroundings.ts';

export interface AgentsOptions {
  readonly around: Surroundings;
  readonly life: Life;
  readonly clock: ProcessClock;
  readonly random: SeededRandom;
  readonly machine: string;
  readonly sessionId: string;
  readonly marks: Set<string>;
}

const Context = z.object({
  message_id: z.string(),
  session_id: z.string(),
  hop: z.object({ id: z.string(), from: z.string() }).optional(),
});

/**
 * Random agents: they record each start, take time, stream, follow the script of their message, and
 * sometimes raise or die.
 */
export function simulatedAgents({ around, life, clock, random, machine, sessionId, marks }: AgentsOptions): WorkerHost {
  const { chronicle, auditors, trace, reach } = around;
  const workers = new Map<string, Worker>();
  auditors.stops.workers.set(life.name, workers);
  return {
    close: () => undefined,
    start(agent, { environment }): Worker {
      let alive = true;
      const gone = Promise.withResolvers<void>();
      const end = () => {
        alive = false;
        clock.soon(() => gone.resolve());
      };
      let underWay: Run | undefined;
      let finish: (end: Run['end'], said: WorkerEnd) => void = () => undefined;
      const worker: Worker = {
        ended: gone.promise,
        get alive() {
          return alive;
        },
        kill() {
          if (underWay?.end === 'under way') judgeInterruption(around, underWay, agent.name);
          end();
          finish('stopped', { outcome: 'error', reason: 'agent_died', content: 'killed' });
        },
        interrupt() {
          worker.kill();
        },
        async run({ runId, message, contextJson }, output, peers) {
          const { message_id: messageId, session_id: of, hop } = Context.parse(JSON.parse(contextJson));
          const run: Run = {
            sessionId,
            messageId,
            runId,
            // The run of the agent that the model chose is that of the message itself.
            hop: hop?.from === ROUTER ? undefined : hop?.id,
            agent: agent.name,
            idempotent: agent.idempotent,
            life: life.name,
            startedMs: around.time.now,
            end: 'under way',
          };
          // What a run in progress asks is part of it, and goes on when the message is cleared, or
          // until the grace of its cancellation is over.
          const objection =
            run.hop === undefined
              ? (chronicle.settlement.objection(life.name, messageId) ?? auditors.cancels.objection(life.name, messageId))
              : undefined;
          if (objection !== undefined) around.violation(`${life.name} runs ${messageId}: ${objection}`);
          const unfit = auditors.secrets.objection(messageId, environment);
          if (unfit !== undefined) around.violation(`${life.name} runs ${messageId}: ${unfit}`);
          if (of !== sessionId) around.violation(`${life.name} runs ${messageId}, which is of ${of}`);
          if (chronicle.copiedMessages.has(messageId)) around.violation(`${life.name} runs ${messageId}, which came with a copy`);
          const overtaken = chronicle.overtakenBy(sessionId, messageId, agent.name);
          const crowd = chronicle.crowdOf(run, agent.concurrency || 1);
          if (crowd !== undefined) around.violation(`${life.name} begins ${messageId} beside ${crowd}`);
          if (overtaken !== undefined) around.violation(`${life.name} begins ${messageId} after ${overtaken}, which came later`);
          const spaceId = chronicle.sessions.get(sessionId)?.spaceId ?? '';
          if (auditors.stops.rests(spaceId, agent.name, auditors.stops.queuedAt(messageId) ?? 0))
            around.violation(`${life.name} begins ${agent.name} for ${messageId}, which came while it rested`);
          underWay = run;
          chronicle.runs.push(run);
          marks.add(messageId);
          trace.note(life.name, `run ${runId} of ${messageId} begins`);
          await reach('guest.running', { life, machine, sessionId });
          return new Promise<WorkerEnd>((resolve) => {
            finish = (end, said) => {
              finish = () => undefined;
              run.end = end;
              trace.note(life.name, `run ${runId} ${end}`);
              resolve(said);
            };
            const durationMs = random.mostlySmall(1, 3_000);
            const pieces = random.whole(0, 3);
            for (let piece = 1; piece <= pieces; piece += 1) {
              clock.after((durationMs * piece) / 4, () => output.delta(`piece ${piece} `));
            }
            if (random.chance(0.3)) clock.after(durationMs / 2, () => output.line('STDOUT', 'at work'));
            const scripted = following(message, peers, () => run.end === 'under way');
            const fate = random.weighted({ replies: 88, raises: 6, dies: 6 });
            clock.after(durationMs, () => {
              if (fate === 'replies' && scripted !== undefined) void scripted.then((said) => finish('replied', said));
              else if (fate === 'replies') finish('replied', { outcome: 'reply', content: `re: ${message}` });
              else if (fate === 'raises') finish('raised', { outcome: 'error', reason: 'agent_failed', content: 'an error of its own' });
              else {
                end();
                finish('died', { outcome: 'error', reason: 'agent_died', content: 'it ended' });
              }
            });
          });
        },
      };
      workers.set(agent.name, worker);
      return worker;
    },
  };
}

/** Follows the script of a message while its run goes on. Undefined if it has none. */
function following(message: string, peers: Peers, goesOn: () => boolean): Promise<WorkerEnd> | undefined {
  const found = scriptIn(message);
  if (found === undefined) return undefined;
  const { name, script } = found;
  const follow = async (): Promise<WorkerEnd> => {
    const ends: End[] = [];
    for (const group of asksOf(name, script)) {
      const answers = await Promise.all(group.map(({ to, content }) => peers.ask(to, content)));
      // A process that was killed asks no more.
      if (!goesOn()) return new Promise(() => undefined);
      ends.push(...answers.map((end) => (end.outcome === 'reply' ? { reply: end.content } : { reason: end.reason })));
    }
    const hand = handOf(name, script);
    if (hand !== undefined) return { outcome: 'handoff', agent: hand.to, content: hand.content };
    return { outcome: 'reply', content: replyTo(name, ends) };
  };
  return follow();
}

/**
 * A guest interrupts runs of a stopped agent, or when the grace period of a suspend is over, or when
 * nobody waits for their answer any more.
 */
function judgeInterruption(
  { auditors, chronicle, time, violation }: Surroundings,
  { sessionId, messageId, hop, life, startedMs }: Run,
  agent: string,
) {
  const failed = (run: Run) => run.life === life && ['raised', 'died', 'stopped'].includes(run.end);
  if (hop !== undefined && chronicle.runsOf(messageId).some(failed)) return;
  const spaceId = chronicle.sessions.get(sessionId)?.spaceId ?? '';
  // A stop that a slow node hears late ends the messages before it, though the agent is active again.
  const sinceMs = auditors.stops.queuedAt(messageId) ?? startedMs;
  if (auditors.stops.hasRested(spaceId, agent, sinceMs) || auditors.suspends.mayInterrupt(sessionId, time.now)) return;
  if (auditors.cancels.mayInterrupt(messageId, time.now)) return;
  violation(`${life} interrupts ${messageId}, and nobody asked for it, or its grace is not over`);
}
