/**
 * Loads the handlers of an image's agents as a session would, and prints what came of it. The input
 * is a JSON list of agents, the output a JSON list of results.
 */
import { mkdirSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { checkHandler, isAgentList } from './check-handler.ts';

const SESSION = '/session';
const LIMIT_MS = 60_000;

const agents: unknown = await json(process.stdin);
if (!isAgentList(agents)) throw new Error('the input must be a list of agents');
for (const name of ['workspace', 'state', 'cache']) mkdirSync(`${SESSION}/${name}`, { recursive: true });
const places = { workers: import.meta.dirname, session: SESSION, agents: '/opt/raworc/agents', limitMs: LIMIT_MS };
const results = [];
for (const agent of agents) results.push(await checkHandler(agent, places));
process.stdout.write(JSON.stringify(results), () => process.exit(0));
