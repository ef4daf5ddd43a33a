import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packDirectory } from '../../cli/archive.ts';
import { placeIn, projectRoot } from '../places.ts';
import { dim, duration, print } from '../terminal.ts';
import type { CommandLine } from './command-line.ts';

const agent = 'hello-python';
const example = `examples/${agent}`;
const sessionName = 'first-light';

/** Deploys the first example, unless this cluster already has the same version. */
export async function deployExample(raworc: CommandLine, dataDir: string): Promise<void> {
  const mark = join(placeIn(dataDir, 'run'), 'deployed');
  const { bytes } = await packDirectory(join(projectRoot, example));
  const cluster = readFileSync(join(dataDir, 'controller', 'cluster-id'), 'utf8').trim();
  const wanted = `${cluster} ${createHash('sha256').update(bytes).digest('hex')}`;
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  await raworc.run(['agent', 'deploy', example], { show: true });
  writeFileSync(mark, wanted);
}

/**
 * Talks to the first example in the session of an earlier run, if there is one, and in a new
 * session. Throws unless every answer is a reply. Keeps one session.
 */
export async function firstConversation(raworc: CommandLine): Promise<void> {
  const sessions: readonly { id: string; name: string | null; state: string }[] = JSON.parse(
    await raworc.run(['session', 'list', '--json']),
  );
  const earlier = sessions.find(({ name, state }) => name === sessionName && state !== 'error');
  if (earlier !== undefined) await say(raworc, earlier.id, 'Hello again!');
  const created = await raworc.run(['session', 'new', '--name', sessionName], { show: true });
  const id = created.trim().split('\n').at(-1) ?? '';
  const remove = () => raworc.run(['session', 'rm', id]);
  await say(raworc, id, 'Hello, is anybody there?').catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  // Keep the earlier session, because it remembers earlier messages.
  if (earlier !== undefined) await remove();
}

async function say(raworc: CommandLine, session: string, message: string): Promise<void> {
  const startedAt = performance.now();
  await raworc.run(['chat', '--agent', agent, session.slice(0, 8), message], { show: true });
  print(dim(`  (answered in ${duration(performance.now() - startedAt)})\n`));
}
