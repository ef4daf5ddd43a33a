import type { Plant } from './plant.ts';

/** Faults in what the controller keeps of agents that work together. */
export const HOP_PLANTS = {
  'hops lost with their answer': {
    breaks: 'The hops of a message are committed with its answer.',
    file: 'controller/domain/messages/commands/record-answer.ts',
    find: "mutations: [...begun.changes.mutations, ...hops.map((row) => put('hops', row))],",
    replace: 'mutations: begun.changes.mutations,',
    foundBy: { seed: 1 },
  },
  'hop below another': {
    breaks: 'A hop names the hop in which it was asked.',
    file: 'controller/domain/messages/hops.ts',
    find: 'const cause = parentId ?? queued.id;',
    replace: 'const cause = queued.id;',
    foundBy: { seed: 4 },
  },
  'hops outlive their messages': {
    breaks: 'Hops go when the messages of their session are deleted.',
    file: 'controller/domain/messages/queue.ts',
    find: 'view.storedSizes(sessionId, upToSeq + 1, FORGOTTEN_AT_ONCE.rows + 1);',
    replace: "view.storedSizes(sessionId, upToSeq + 1, FORGOTTEN_AT_ONCE.rows + 1).filter(({ table }) => table === 'messages');",
    foundBy: { seed: 2 },
  },
  'inactive agents named to guests': {
    breaks: 'The runs of a message cannot ask an agent that was inactive when it came, and is since.',
    file: 'controller/services/fleet/encode.ts',
    find: '.filter((name) => canAnswer(view, session, name))',
    replace: '',
    foundBy: { seed: 7 },
  },
} satisfies Readonly<Record<string, Plant>>;
