/**
 * Compares reads of one session and lists of 100 out of 100,000, with authentication and
 * permissions, with a bare Koa route that returns the same body. Then posts messages at a steady
 * rate, with and without 20 lists per second. Controller, bare route and load generator are
 * separate processes. Exits with 1 if a goal is missed. `npm run bench -- api [rounds] [sessions]`.
 */
import { loadavg } from 'node:os';
import { lists } from './api/lists.ts';
import { posts } from './api/posts.ts';
import { reads } from './api/reads.ts';
import { openRig } from './api/rig.ts';

const RUNNING = 40;

const [rounds = 10, sessions = 100_000] = process.argv.slice(2).map(Number);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('the number of rounds is a positive integer');
if (!Number.isInteger(sessions) || sessions < 100) throw new Error('the number of sessions is an integer of 100 or more');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const rig = await openRig(sessions, RUNNING, (end) => void endings.unshift(end));
  const run = { rounds, signal: stop.signal };
  const begun = load();
  console.log(`${sessions} resting sessions, ${RUNNING} running on a hollow node`);
  const reached = [await reads(rig, run), await lists(rig, run), await posts(rig, run)];
  console.log(`\nLoad average: ${begun} before, ${load()} after`);
  if (reached.includes(false)) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

function load(): string {
  const [one = 0] = loadavg();
  return one.toFixed(1);
}
