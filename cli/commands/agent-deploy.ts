import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { agent, type Build, build, buildEvent, source } from '../api.ts';
import { type Packed, packDirectory } from '../archive.ts';
import { type Client, Refused } from '../client.ts';
import { type EventFeed, openEvents } from '../event-stream.ts';
import { type Io, size, Trouble } from '../io.ts';
import { step } from '../steps.ts';

export interface DeployOptions {
  readonly space: string;
  readonly name?: string;
}

/** Uploads a directory as an agent, builds it, and returns once new sessions have it. */
export async function deployAgent(io: Io, client: Client, directory: string, options: DeployOptions): Promise<void> {
  const name = options.name ?? basename(resolve(directory));
  await checkDirectory(directory);
  const space = `/spaces/${encodeURIComponent(options.space)}`;
  const path = `${space}/agents/${encodeURIComponent(name)}`;
  const packed = await step(io, `Packed ${directory}`, async (note) => {
    const made = await packDirectory(directory);
    note(`${made.files} ${made.files === 1 ? 'file' : 'files'}, ${size(made.bytes.byteLength)}`);
    return made;
  });
  await step(io, `Agent ${name} in space ${options.space}`, (note) => makeAgent(client, space, name, note));
  await step(io, 'Uploaded', (note) => upload(client, path, packed, note));
  const events = await openEvents(client, '/events');
  try {
    await client.call(agent, `${path}/deploy`, { method: 'POST' });
    const queued = await client.call(build, `${space}/build/latest`);
    await step(io, `Built ${queued.id}`, async (note) => {
      const built = await finished(client, `${space}/build/${queued.id}`, queued, events);
      if (built.status === 'failed') throw new Trouble(`The build failed: ${built.error ?? 'no reason was given'}`);
      note(built.image_tag ?? '');
    });
  } finally {
    await events.close();
  }
  io.stdout.write(`${name} is deployed: new sessions have it (\`raworc session new\`)\n`);
}

const CLUES = ['raworc.json', 'main.py', 'index.js', 'index.mjs', 'index.cjs', 'package.json', 'Cargo.toml', 'requirements.txt'];

/** What can be told without the server, so that a slip of the pen leaves nothing there. The server judges the rest. */
async function checkDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new Trouble(`${directory} is no directory: give the one that holds the agent`);
  const names = await readdir(directory);
  if (!CLUES.some((clue) => names.includes(clue))) {
    throw new Trouble(
      `${directory} holds no agent: write a raworc.json ({"runtime":"python","handler":"main.process_message"}), a main.py or an index.js`,
    );
  }
  if (!names.includes('raworc.json')) return;
  const text = await readFile(join(directory, 'raworc.json'), 'utf8');
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Trouble(`raworc.json cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function makeAgent(client: Client, space: string, name: string, note: (text: string) => void): Promise<void> {
  try {
    await client.call(agent, `${space}/agents`, { method: 'POST', body: { name } });
    note('created');
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 409) throw error;
    note('is there already');
  }
}

async function upload(client: Client, path: string, { bytes }: Packed, note: (text: string) => void): Promise<void> {
  const taken = await client.call(source, `${path}/source`, {
    method: 'PUT',
    body: bytes,
    headers: { 'content-type': 'application/gzip' },
  });
  note(`${taken.runtime}, ${taken.handler}`);
}

async function finished(client: Client, path: string, queued: Build, events: EventFeed): Promise<Build> {
  if (isFinished(queued)) return queued;
  for (;;) {
    const heard = await events.next();
    const news = heard.kind === 'event' && heard.type.startsWith('build.') ? buildEvent.safeParse(heard.data) : undefined;
    if (news?.data?.build.id === queued.id && isFinished(news.data.build)) return news.data.build;
    if (heard.kind !== 'again') continue;
    const now = await client.call(build, path);
    if (isFinished(now)) return now;
  }
}

const isFinished = ({ status }: Build): boolean => status === 'completed' || status === 'failed';
