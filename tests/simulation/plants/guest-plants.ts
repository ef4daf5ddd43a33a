import type { Plant } from './plant.ts';

/** Faults in decisions of the guest and its journal. */
export const GUEST_PLANTS = {
  'more runs at once than allowed': {
    breaks: 'An agent answers no more messages at once than its manifest says.',
    file: 'guest/runs/in-progress.ts',
    find: 'mine < Math.max(1, concurrency)',
    replace: 'mine < concurrency + 1',
    foundBy: { seed: 1 },
  },
  'run beside another agent': {
    breaks: 'Only messages of one agent run at once.',
    file: 'guest/runs/in-progress.ts',
    find: 'mine === this.#working.size && ',
    replace: '',
    foundBy: { seed: 1 },
  },
  'cancelled message run': {
    breaks: 'A guest that knows that a message is cancelled never begins it.',
    file: 'guest/runs/runner.ts',
    find: "if (this.#cancelled.has(entry.message.messageId)) return errorEnd('cancelled');",
    replace: '',
    foundBy: { seed: 1 },
  },
  'grace of a cancelled message ignored': {
    breaks: 'A run of a cancelled message has its whole grace.',
    file: 'guest/runs/runner.ts',
    find: 'if (graceMs === 0) this.#working.interrupt([working]);',
    replace: 'if (graceMs >= 0) this.#working.interrupt([working]);',
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
    file: 'guest/runs/runner.ts',
    find: '!this.#begun.has(entry.runId) && !spec?.idempotent',
    replace: '!this.#begun.has(entry.runId) && spec === undefined',
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
    file: 'guest/mailbox/mailbox.ts',
    find: 'stamp.value.sessionId === sessionId',
    replace: 'stamp.value.sessionId !== undefined',
    foundBy: { seed: 1 },
  },
  'interrupted at once': {
    breaks: 'What runs when a drain is asked for may go on for the grace.',
    file: 'guest/runs/runner.ts',
    find: 'if (graceMs === 0) this.#working.interrupt(this.#working.all());',
    replace: 'if (graceMs >= 0) this.#working.interrupt(this.#working.all());',
    foundBy: { seed: 1 },
  },
  'never interrupted': {
    breaks: 'What runs beyond the grace of a drain is interrupted and answered.',
    file: 'guest/runs/runner.ts',
    find: 'after(graceMs, () => this.#working.interrupt(this.#working.all()))',
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
