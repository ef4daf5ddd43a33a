import type { RunnerDeps } from '../../../guest/runs/runner-deps.ts';
import type { WorkerEnd } from '../../../guest/runs/worker-host.ts';
import type { AgentsOptions } from './agents.ts';

/** The setting of spaces with a model. */
export const MODEL = { api: 'openai', model: 'sim' } as const;

const CHOICES = ['once', 'again', 'itself'] as const;

/** Who answers a message for the router: a function of its text. */
export function choiceFor(text: string): (typeof CHOICES)[number] {
  const sum = [...text].reduce((total, character) => total + character.charCodeAt(0), 0);
  return CHOICES[sum % CHOICES.length] ?? 'itself';
}

export const answerOfModel = (text: string) => `model: ${text}`;

/** A model that takes its time, streams, chooses as it must, and sometimes fails. */
export function simulatedModel(options: Omit<AgentsOptions, 'marks'>): NonNullable<RunnerDeps['model']> {
  const { around, life, clock, random, machine, sessionId } = options;
  const { chronicle, auditors, trace, reach } = around;
  return ({ agents }) => {
    let finish: (end: WorkerEnd) => void = () => undefined;
    const interrupt = () => finish({ outcome: 'error', reason: 'interrupted', content: 'interrupted' });
    return {
      alive: true,
      interrupt,
      kill: interrupt,
      async run({ runId, message, contextJson }, output) {
        const { message_id: messageId } = JSON.parse(contextJson);
        const objection = chronicle.settlement.objection(life.name, messageId) ?? auditors.cancels.objection(life.name, messageId);
        if (objection !== undefined) around.violation(`${life.name} asks the model about ${messageId}: ${objection}`);
        const known = agents.map(({ name }) => name);
        for (const name of known.length === 0 ? [] : ['once', 'again'])
          if (!known.includes(name)) around.violation(`the model that is asked about ${messageId} is not told of ${name}`);
        trace.note(life.name, `the model is asked about ${messageId}, run ${runId}`);
        await reach('guest.running', { life, machine, sessionId });
        const durationMs = random.mostlySmall(1, 2_000);
        clock.after(durationMs / 2, () => output.delta('piece '));
        const fails = random.chance(0.05);
        return new Promise<WorkerEnd>((resolve) => {
          finish = (end) => {
            finish = () => undefined;
            trace.note(life.name, `the model gives ${end.outcome} to ${messageId}`);
            resolve(end);
          };
          clock.after(durationMs, () => {
            const choice = known.length === 0 ? 'itself' : choiceFor(message);
            if (fails) {
              chronicle.modelFailures.add(messageId);
              finish({ outcome: 'error', reason: 'model_failed', content: 'it failed' });
            } else if (choice === 'itself') finish({ outcome: 'reply', content: answerOfModel(message), model: MODEL.model });
            else finish({ outcome: 'handoff', agent: choice, content: message });
          });
        });
      },
    };
  };
}
