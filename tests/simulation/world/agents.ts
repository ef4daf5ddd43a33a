import type { RunEnd, Worker, WorkerHost } from '../../../guest/runs/worker-host.ts';
import type { Run } from './chronicle.ts';
import type { ProcessClock } from './clock.ts';
import type { Life } from './life.ts';
import type { SeededRandom } from './random.ts';
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

function contextIn(contextJson: string): { messageId: string; of: string } {
  const context: Readonly<Record<string, unknown>> = JSON.parse(contextJson);
  return { messageId: String(context.message_id), of: String(context.session_id) };
}

/** Random agents: they record each start, take time, stream, reply, and sometimes raise or die. */
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
      let finish: (end: Run['end'], said: RunEnd) => void = () => undefined;
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
        async run({ runId, message, contextJson }, output) {
          const { messageId, of } = contextIn(contextJson);
          const run: Run = {
            sessionId,
            messageId,
            runId,
            agent: agent.name,
            idempotent: agent.idempotent,
            life: life.name,
            startedMs: around.time.now,
            end: 'under way',
          };
          const objection = chronicle.settlement.objection(life.name, messageId);
          if (objection !== undefined) around.violation(`${life.name} runs ${messageId}: ${objection}`);
          const refused = auditors.cancels.objection(life.name, messageId);
          if (refused !== undefined) around.violation(`${life.name} runs ${messageId}: ${refused}`);
          const unfit = auditors.secrets.objection(messageId, environment);
          if (unfit !== undefined) around.violation(`${life.name} runs ${messageId}: ${unfit}`);
          if (of !== sessionId) around.violation(`${life.name} runs ${messageId}, which is of ${of}`);
          if (chronicle.copiedMessages.has(messageId)) around.violation(`${life.name} runs ${messageId}, which came with a copy`);
          const overtaken = chronicle.overtakenBy(sessionId, messageId, agent.name);
          const crowd = chronicle.crowdOf(life.name, agent.name, agent.concurrency || 1);
          if (crowd !== undefined) around.violation(`${life.name} begins ${messageId} beside ${crowd}`);
          if (overtaken !== undefined) around.violation(`${life.name} begins ${messageId} after ${overtaken}, which came later`);
          underWay = run;
          chronicle.runs.push(run);
          marks.add(messageId);
          trace.note(life.name, `run ${runId} of ${messageId} begins`);
          await reach('guest.running', { life, machine, sessionId });
          return new Promise<RunEnd>((resolve) => {
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
            const fate = random.weighted({ replies: 88, raises: 6, dies: 6 });
            clock.after(durationMs, () => {
              if (fate === 'replies') finish('replied', { outcome: 'reply', content: `re: ${message}` });
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

/** A guest interrupts runs of a stopped agent, or when the grace period of a suspend is over. */
function judgeInterruption(
  { auditors, chronicle, time, violation }: Surroundings,
  { sessionId, messageId, life, startedMs }: Run,
  agent: string,
) {
  const spaceId = chronicle.sessions.get(sessionId)?.spaceId ?? '';
  // A stop that a slow node hears late ends the messages before it, though the agent is active again.
  const sinceMs = auditors.stops.queuedAt(messageId) ?? startedMs;
  if (auditors.stops.hasRested(spaceId, agent, sinceMs) || auditors.suspends.mayInterrupt(sessionId, time.now)) return;
  if (auditors.cancels.mayInterrupt(messageId, time.now)) return;
  violation(`${life} interrupts ${messageId}, and nobody asked for it, or its grace is not over`);
}
