import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placeIn, projectRoot } from '../places.ts';
import { dim, duration, print } from '../terminal.mjs';
import { Trouble } from '../trouble.ts';
import type { CommandLine } from './command-line.ts';

const example = 'examples/hello-python';
const agent = 'hello-python';
const sessionName = 'first-light';

/** Deploys the first example as a person would, unless it is deployed just as it is now. */
export async function deployExample(raworc: CommandLine, dataDir: string): Promise<void> {
  const mark = join(placeIn(dataDir, 'run'), 'deployed');
  const cluster = readFileSync(join(dataDir, 'controller', 'cluster-id'), 'utf8').trim();
  const wanted = `${cluster} ${hashOf(join(projectRoot, example))}`;
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  shown(`raworc agent deploy ${example}`);
  await raworc.must(['agent', 'deploy', example], { show: true });
  writeFileSync(mark, wanted);
}

/**
 * Says something in the session of an earlier run, when it lives, and in a new one, each time to the first example: a person may have
 * deployed others since. Throws unless every answer is a reply, and then leaves no session behind that it made.
 */
export async function firstConversation(raworc: CommandLine): Promise<void> {
  const earlier = await livingSession(raworc);
  if (earlier !== undefined) await say(raworc, earlier, 'Hello again!');
  shown(`raworc session new --name ${sessionName}`);
  const made = await raworc.must(['session', 'new', '--name', sessionName], { show: true });
  const id = made.trim().split('\n').at(-1) ?? '';
  let answered = false;
  try {
    await say(raworc, id, 'Hello, is anybody there?');
    answered = true;
  } finally {
    // One is enough to go on with: the earlier one, which remembers.
    if (earlier !== undefined || !answered) await raworc.run(['session', 'rm', id]);
  }
}

async function say(raworc: CommandLine, session: string, message: string): Promise<void> {
  shown(`raworc chat --agent ${agent} ${session.slice(0, 8)} "${message}"`);
  const startedAt = performance.now();
  const { code } = await raworc.run(['chat', '--agent', agent, session, message], { show: true });
  if (code !== 0) throw new Trouble(`session ${session} gave no reply`, 'see what it answered above');
  print(dim(`  (answered in ${duration(performance.now() - startedAt)})\n`));
}

async function livingSession(raworc: CommandLine): Promise<string | undefined> {
  const text = await raworc.must(['session', 'list', '--json']);
  const sessions: unknown = JSON.parse(text);
  if (!Array.isArray(sessions)) return undefined;
  const found = sessions.find((session: Readonly<Record<string, unknown>>) => session.name === sessionName && session.state !== 'error');
  return typeof found?.id === 'string' ? found.id : undefined;
}

function shown(command: string): void {
  print(`\n${dim('$')} ${command}\n`);
}

function hashOf(directory: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
    const path = join(name.parentPath, name.name);
    hash.update(path).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}
