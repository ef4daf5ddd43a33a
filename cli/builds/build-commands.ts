import type { Build, BuildLogLine, Raworc } from '../../sdk/raworc.ts';
import { buildIn, buildLogLineIn } from '../../sdk/raworc.ts';
import { isFinished } from '../build-wait.ts';
import { duration, type Io, painted, Trouble, table } from '../io.ts';
import { printList } from '../listing.ts';
import { onOneLine } from '../terminal.ts';
import { stagesOf } from './build-stages.ts';

interface InSpace {
  readonly space: string;
}

/** Builds among which the start of an id is looked for, and that a list shows. */
const LOOKED_AT = 100;

export async function listBuilds(
  io: Io,
  raworc: Raworc,
  { space, status, json }: InSpace & { readonly status?: Build['status']; readonly json?: boolean },
): Promise<void> {
  const builds = await raworc.builds.list(space, { limit: LOOKED_AT, ...(status === undefined ? {} : { status }) });
  printList(io, builds, {
    json,
    none: `No builds in space ${space}. \`raworc agent deploy\` begins one`,
    columns: ['ID', 'STATUS', 'STARTED', 'TOOK', 'BY', 'AGENTS'],
    row: (build) => [build.id, build.status, build.started_at, tookOf(build), build.created_by, build.agents_deployed.join(', ') || '-'],
  });
}

export async function showBuild(io: Io, raworc: Raworc, ref: string | undefined, { space }: InSpace): Promise<void> {
  const build = await findBuild(raworc, space, ref);
  const rows: [string, string][] = [
    ['id', build.id],
    ['space', build.space],
    ['status', build.status],
    ...(build.waiting_reason == null ? [] : [['waits', build.waiting_reason] as [string, string]]),
    ['agents', build.agents_deployed.join(', ') || '-'],
    ['image', build.image_tag ?? '-'],
    ['started', build.started_at],
    ['took', tookOf(build)],
    ['by', build.created_by],
  ];
  io.stdout.write(table(rows));
  const stages = stagesOf(build).map(({ name, status, duration_ms }) => [
    `  ${name}`,
    status,
    duration_ms === null ? '-' : duration(duration_ms),
  ]);
  const fetched = (build.sources ?? []).filter(({ repo }) => repo !== null);
  const sources = fetched.map(({ agent, repo, branch, commit }) => [`  ${agent}`, repo ?? '-', branch ?? '-', commit ?? '-']);
  if (sources.length > 0) io.stdout.write('repositories\n', table(sources));
  const bases = (build.sources ?? []).flatMap(({ agent, base_image }) => (base_image == null ? [] : [[`  ${agent}`, base_image]]));
  if (bases.length > 0) io.stdout.write('base images\n', table(bases));
  if (stages.length > 0) io.stdout.write('stages\n', table(stages));
  if (build.error !== null) io.stdout.write(`error\n${build.error.trimEnd().replace(/^/gm, '  ')}\n`);
}

/** Prints the log of a build, and with `follow` until the build has ended. */
export async function printBuildLog(
  io: Io,
  raworc: Raworc,
  ref: string | undefined,
  { space, follow = false }: InSpace & { readonly follow?: boolean },
): Promise<void> {
  const build = await findBuild(raworc, space, ref);
  if (follow || isFinished(build)) {
    // The whole log, which ends with the build.
    const ended = await followBuildLog(raworc, build, io.signal, (line) => io.stdout.write(spelled(line)));
    if (ended !== undefined && ended.status !== 'completed')
      throw new Trouble(`The build ${ended.status === 'failed' ? 'failed' : 'was cancelled'}`);
    return;
  }
  const { logs } = await raworc.builds.getLogs(space, build.id);
  for (const line of logs) io.stdout.write(spelled(line));
}

export async function cancelBuild(io: Io, raworc: Raworc, ref: string | undefined, { space }: InSpace): Promise<void> {
  const found = await findBuild(raworc, space, ref);
  const build = await raworc.builds.cancel(space, found.id);
  if (build.status !== 'cancelled')
    throw new Trouble(`The build ${build.id} had already ${build.status === 'failed' ? 'failed' : build.status}`);
  io.stdout.line(`${build.id} is cancelled`);
}

/**
 * Calls `print` with each line of a build's log, until the build has ended. Returns the ended build,
 * or undefined if the server can no longer be followed.
 */
export async function followBuildLog(
  raworc: Raworc,
  { space, id }: Pick<Build, 'space' | 'id'>,
  signal: AbortSignal,
  print: (line: BuildLogLine) => void,
): Promise<Build | undefined> {
  const feed = await raworc.followBuildLog(space, id, { signal });
  try {
    for await (const item of feed) {
      const line = buildLogLineIn(item);
      if (line !== undefined) print(line);
      const ended = item.kind === 'event' && item.type === 'end' ? buildIn(item) : undefined;
      if (ended !== undefined) return ended;
    }
    return undefined;
  } finally {
    await feed.close();
  }
}

async function findBuild(raworc: Raworc, space: string, ref: string | undefined): Promise<Build> {
  if (ref === undefined) return raworc.builds.getLatest(space);
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(ref)) return raworc.builds.get(space, ref.toLowerCase());
  const found = (await raworc.builds.list(space, { limit: LOOKED_AT })).filter(({ id }) => id.startsWith(ref.toLowerCase()));
  const [only] = found;
  if (only === undefined) throw new Trouble(`There is no build "${ref}" among the newest ${LOOKED_AT}. \`raworc build list\` lists them`);
  if (found.length > 1) throw new Trouble(`"${ref}" matches ${found.length} builds. Use an id: ${found.map(({ id }) => id).join(', ')}`);
  return raworc.builds.get(space, only.id);
}

/**
 * Returns what a build warns of about an agent, such as a file that it leaves unused. Programs that
 * it runs print in other stages.
 */
export async function warningsOf(raworc: Raworc, { space, id }: Pick<Build, 'space' | 'id'>, agent: string): Promise<readonly string[]> {
  // The image is built: an account that cannot read its log has no error.
  const { logs } = await raworc.builds.getLogs(space, id).catch(() => ({ logs: [] }));
  const mark = `Warning: ${agent}: `;
  return logs.filter(({ stage, line }) => stage === 'fetch' && line.startsWith(mark)).map(({ line }) => line.slice(mark.length));
}

const tookOf = ({ started_at, completed_at }: Build): string =>
  completed_at === null ? '-' : duration(Math.max(0, Date.parse(completed_at) - Date.parse(started_at)));

const spelled = ({ timestamp, stage, line }: BuildLogLine): string =>
  `${onOneLine(`${timestamp}  ${(stage ?? '-').padEnd(7)}  ${line}`)}\n`;

/** Prints a line of a build's log above the line of the step that waits for the build. */
export const logLine = (io: Io, { stage, line }: BuildLogLine) => painted(io, io.stderr, 'dim', onOneLine(`    ${stage ?? '-'}: ${line}`));
