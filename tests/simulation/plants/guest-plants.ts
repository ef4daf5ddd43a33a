import type { Plant } from './plant.ts';

/** Faults in decisions of the guest and its journal. */
export const GUEST_PLANTS = {
  'more runs at once than allowed': {
    breaks: 'An agent answers no more messages at once than its manifest says.',
    file: 'guest/hops/call-graph.ts',
    find: 'this.#roots.size < this.#placesOf(agent) && this.#hasPlace(agent)',
    replace: 'true',
    foundBy: { seed: 1 },
  },
  'run beside another agent': {
    breaks: 'Only messages of one agent run at once.',
    file: 'guest/hops/call-graph.ts',
    find: 'if (turn.agent !== agent) return false;',
    replace: ';',
    foundBy: { seed: 1 },
  },
  'cancelled message run': {
    breaks: 'A guest that knows that a message is cancelled never begins it.',
    file: 'guest/runs/message-run.ts',
    find: "if (cancelled.has(messageId)) return errorEnd('cancelled');",
    replace: '',
    foundBy: { seed: 1 },
  },
  'grace of a cancelled message ignored': {
    breaks: 'A run of a cancelled message has its whole grace.',
    file: 'guest/runs/runner.ts',
    find: 'if (graceMs === 0) end();',
    replace: 'if (graceMs >= 0) end();',
    foundBy: { seed: 5 },
  },
  'accepted before it is durable': {
    breaks: 'A message is acknowledged once it is durable.',
    file: 'guest/mailbox/intake.ts',
    find: 'await taken.catch((fault: unknown) => {',
    replace: 'void taken.catch((fault: unknown) => {',
    foundBy: { seed: 2 },
  },
  'run again': {
    breaks: 'A message whose agent died in the middle is not run again, unless its agent is idempotent.',
    file: 'guest/runs/message-run.ts',
    find: '!begun.has(entry.runId) && !all.every(',
    replace: '!begun.has(entry.runId) && all.length === 0 && !all.every(',
    foundBy: { seed: 9 },
  },
  'newest message first': {
    breaks: 'Messages run in their order.',
    file: 'guest/mailbox/entries.ts',
    find: 'seq < first.message.seq',
    replace: 'seq > first.message.seq',
    foundBy: { seed: 1 },
  },
  "stranger's mailbox kept": {
    breaks: 'A journal of another session, as in a copied volume, is emptied.',
    file: 'guest/mailbox/recorded.ts',
    find: 'stamp.value.sessionId === sessionId',
    replace: 'stamp.value.sessionId !== undefined',
    foundBy: { seed: 6 },
  },
  'interrupted at once': {
    breaks: 'What runs when a drain is asked for may go on for the grace.',
    file: 'guest/runs/runner.ts',
    find: 'if (graceMs === 0) interrupt();',
    replace: 'if (graceMs >= 0) interrupt();',
    foundBy: { seed: 1 },
  },
  'never interrupted': {
    breaks: 'What runs beyond the grace of a drain is interrupted and answered.',
    file: 'guest/runs/runner.ts',
    find: 'after(graceMs, interrupt)',
    replace: 'after(graceMs, () => undefined)',
    foundBy: { test: 'tests/unit/guest/drain.test.ts' },
  },
  'stopped agent kept': {
    breaks: 'An agent that was stopped or deactivated has no live worker.',
    file: 'guest/runs/runner.ts',
    find: 'if (runs.length === 0) this.#workers.end(agent);',
    replace: 'if (runs.length === 0) return;',
    foundBy: { seed: 25 },
  },
  'started again at the limit, whatever it did': {
    breaks: 'An agent that can have seen the message is not started again for it.',
    file: 'guest/workers/kept-worker.ts',
    find: 'this.#ready ? undefined : this.#program.lackedProcesses',
    replace: 'this.#program.lackedProcesses',
    foundBy: { test: 'tests/unit/guest/start-again.test.ts' },
  },
} satisfies Readonly<Record<string, Plant>>;
