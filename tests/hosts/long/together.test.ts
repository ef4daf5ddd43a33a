import process from 'node:process';
import t from 'tap';
import { rage } from '../../cluster/together-storm.ts';

const seed = Number(process.env.RAWORC_STORM_SEED ?? Date.now() % 1_000_000);

t.setTimeout(1_200_000);
t.test(`1,000 messages of 20 senders to three agents that work together, under kills (RAWORC_STORM_SEED=${seed})`, (t) =>
  rage(t, { messages: 1000, senders: 20, kills: { worker: 30, guest: 4, 'node agent': 8 }, seed }),
);
