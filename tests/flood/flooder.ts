/** The attackers, in a process of their own, so that what they do takes nothing from the client that is measured. Forked by measure.ts. */
import process from 'node:process';
import { runWhenIdle } from '../idle-process.ts';
import { type Arms, flood } from './attack.ts';
import { insiderAttacks } from './insider-attacks.ts';
import { strangerAttacks } from './stranger-attacks.ts';

runWhenIdle();
process.on('unhandledRejection', () => undefined);
process.on('uncaughtException', () => undefined);

let over: AbortController | undefined;
let flooding: Promise<unknown> | undefined;

process.on('message', (message: { readonly start?: Arms; readonly stop?: true }) => {
  if (message.start !== undefined) {
    over = new AbortController();
    const { start: arms } = message;
    const attacks = [...strangerAttacks, ...insiderAttacks].filter(({ name }) => name.includes(arms.only));
    flooding = flood(attacks, arms, over.signal);
  }
  if (message.stop === true) {
    over?.abort();
    void flooding?.then((tallies) => process.send?.({ tallies }));
  }
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
