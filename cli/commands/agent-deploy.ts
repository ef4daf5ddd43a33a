import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Build, type Raworc, RaworcError } from '../../sdk/raworc.ts';
import { type Packed, packDirectory } from '../archive.ts';
import { afterTimeout, eventsFor, finishedBuild } from '../build-wait.ts';
import {
  commitIn,
  isRepository,
  type RepositoryOptions,
  refuseRepositoryOptions,
  repositoryName,
  setRepository,
} from '../builds/agent-repository.ts';
import { followBuildLog, logLine, warningsOf } from '../builds/build-commands.ts';
import { failureOf, StageLines } from '../builds/build-stages.ts';
import { type Io, size, Trouble } from '../io.ts';
import { type StepLine, step } from '../steps.ts';
import { onOneLine } from '../terminal.ts';

export interface DeployOptions extends RepositoryOptions {
  readonly space: string;
  readonly name?: string;
  /** Patterns of files that are left out by default. */
  readonly include?: readonly string[];
  /** How many minutes to wait for the build. */
  readonly timeout?: number;
  /** Whether to print what the build prints. */
  readonly logs?: boolean;
}

const TIMEOUT_MINUTES = 30;

/** Makes a directory or a repository an agent, builds it, and returns once new sessions have it. */
export async function deployAgent(io: Io, raworc: Raworc, source: string, options: DeployOptions): Promise<void> {
  const isRemote = await isRepository(source);
  const name = options.name ?? (isRemote ? repositoryName(source, options.directory) : basename(resolve(source)));
  const { space } = options;
  const set = isRemote ? fromRepository(io, raworc, source, name, options) : await fromDirectory(io, raworc, source, name, options);
  const isNew = await step(io, `Agent ${name} in space ${space}`, (note) => makeAgent(raworc, space, name, note));
  try {
    await set();
  } catch (error) {
    if (isNew) await takeBack(io, raworc, space, name);
    throw error;
  }
  await build(io, raworc, name, isNew, options);
  io.stdout.write(`${name} is deployed. New sessions include it: \`raworc session new${spaceOption(space)}\`\n`);
}

/** What a suggested command needs to act in the space. */
const spaceOption = (space: string) => (space === 'default' ? '' : ` --space ${space}`);

/** Returns what makes a repository the source of the agent. */
function fromRepository(io: Io, raworc: Raworc, source: string, name: string, options: DeployOptions): () => Promise<void> {
  return () => step(io, `Repository ${source}`, async (note) => note(await setRepository(raworc, options.space, name, source, options)));
}

/** Packs a directory, and returns what makes it the source of the agent. */
async function fromDirectory(
  io: Io,
  raworc: Raworc,
  directory: string,
  name: string,
  options: DeployOptions,
): Promise<() => Promise<void>> {
  refuseRepositoryOptions(directory, options);
  await checkDirectory(directory);
  const packed = await step(io, `Packed ${directory}`, async (note) => {
    const made = await packDirectory(directory, options.include);
    note(`${made.files} ${made.files === 1 ? 'file' : 'files'}, ${size(made.bytes.byteLength)}${leftOut(made)}`);
    return made;
  });
  return () => step(io, 'Uploaded', (note) => upload(raworc, options.space, name, packed, note));
}

async function build(io: Io, raworc: Raworc, name: string, isNew: boolean, options: DeployOptions): Promise<void> {
  const { space } = options;
  const events = await eventsFor(raworc);
  let hasFailed = false;
  try {
    await raworc.agents.deploy(space, name);
    const queued = await raworc.builds.getLatest(space);
    await step(io, `Build ${queued.id}`, async (note, line) => {
      const stages = new StageLines(io, line);
      io.onInterrupt?.(() => {
        io.stderr.write('\n');
        io.stderr.line(
          `The build continues. \`raworc build logs --follow${spaceOption(space)} ${queued.id}\` shows it, \`raworc build cancel${spaceOption(space)} ${queued.id}\` cancels it`,
        );
        return false;
      });
      const logged = options.logs === true ? printLog(io, raworc, queued, line) : undefined;
      const built = await finishedBuild(io, raworc, queued, events, (options.timeout ?? TIMEOUT_MINUTES) * 60_000, (build) =>
        stages.show(build),
      );
      await logged?.ended();
      hasFailed = built.status !== 'completed';
      if (hasFailed) throw new Trouble(failureOf(built));
      const commit = commitIn(built, name);
      note(`${built.image_tag ?? ''}${commit === undefined ? '' : `, commit ${commit}`}`);
      if (options.logs !== true) for (const text of await warningsOf(raworc, built, name)) line.print(`  ! ${onOneLine(text)}`);
    });
  } catch (error) {
    // Otherwise it would fail the builds of all other agents of the space, too.
    if (isNew && hasFailed) await takeBack(io, raworc, space, name);
    throw error;
  } finally {
    io.onInterrupt?.(undefined);
    await events?.close();
  }
}

/** How long the last lines of a log can take after the build has ended. */
const LAST_LINES_MS = 5_000;

/** Prints the log of a build as it grows. */
function printLog(io: Io, raworc: Raworc, build: Build, line: StepLine): { ended(): Promise<void> } {
  const leaving = new AbortController();
  const signal = AbortSignal.any([io.signal, leaving.signal]);
  const printed = followBuildLog(raworc, build, signal, (one) => line.print(logLine(io, one))).catch((error: unknown) => {
    if (!signal.aborted) line.print(`The log cannot be followed: ${error instanceof Error ? error.message : String(error)}`);
  });
  return {
    async ended() {
      const cancel = (io.after ?? afterTimeout)(LAST_LINES_MS, () => leaving.abort());
      await printed;
      cancel();
    },
  };
}

const CLUES = [
  'raworc.json',
  'main.py',
  'index.js',
  'index.mjs',
  'index.cjs',
  'index.ts',
  'package.json',
  'Cargo.toml',
  'go.mod',
  'requirements.txt',
];

/**
 * Checks what can be checked locally, so that a typo leaves nothing on the server. The server
 * checks the rest.
 */
async function checkDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new Trouble(`${directory} is not a directory. Name the directory of the agent, or a repository such as owner/repo`);
  const names = await readdir(directory);
  if (!CLUES.some((clue) => names.includes(clue))) {
    throw new Trouble(
      `${directory} contains no agent. Add a raworc.json ({"runtime":"python","handler":"main.process_message"}), a main.py or an index.js`,
    );
  }
  if (!names.includes('raworc.json')) return;
  const text = await readFile(join(directory, 'raworc.json'), 'utf8');
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Trouble(`Cannot read raworc.json: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const leftOut = (packed: Packed): string => (packed.leftOut.length === 0 ? '' : `, without ${packed.leftOut.join(', ')}`);

/** Returns whether this call created the agent. */
async function makeAgent(raworc: Raworc, space: string, name: string, note: (text: string) => void): Promise<boolean> {
  try {
    await raworc.agents.create(space, { name });
    note('created');
    return true;
  } catch (error) {
    if (!(error instanceof RaworcError) || error.status !== 409) throw error;
    note('exists');
    return false;
  }
}

/** Deletes the agent of a first deploy that failed, or reports that it still exists. */
async function takeBack(io: Io, raworc: Raworc, space: string, name: string): Promise<void> {
  try {
    await raworc.agents.delete(space, name);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    io.stderr.line(`Agent ${name} was created by this deploy and could not be deleted: ${why}`);
  }
}

async function upload(raworc: Raworc, space: string, name: string, { bytes }: Packed, note: (text: string) => void): Promise<void> {
  const taken = await raworc.agents.updateSource(space, name, new Blob([new Uint8Array(bytes)]));
  note(`${taken.runtime}, ${taken.handler}`);
}
