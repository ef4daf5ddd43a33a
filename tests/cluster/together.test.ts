import process from 'node:process';
import t from 'tap';
import { rage } from './together-storm.ts';

const seed = Number(process.env.RAWORC_STORM_SEED ?? Date.now() % 1_000_000);

t.setTimeout(200_000);
t.test(`three agents that ask one another and hand over answer every message once, under kills (RAWORC_STORM_SEED=${seed})`, (t) =>
  rage(t, { messages: 40, senders: 5, kills: { worker: 3, guest: 1, 'node agent': 1 }, seed }),
);
