import { type LogLine, logLineIn, type Raworc } from '../../sdk/raworc.ts';
import { type Io, painted } from '../io.ts';
import { printList } from '../listing.ts';
import { collected, findSession } from '../reference.ts';
import { removeEach } from '../removal.ts';
import { onOneLine } from '../terminal.ts';

interface InSpace {
  readonly space: string;
}

export async function listAgents(io: Io, raworc: Raworc, { space, json }: InSpace & { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.agents.all(space)), {
    json,
    none: `No agents in space ${space}. Deploy one with \`raworc agent deploy\``,
    columns: ['NAME', 'STATUS', 'REPOSITORY', 'UPDATED', 'PURPOSE'],
    row: ({ name, status, source_repo, updated_at, purpose }) => [name, status, source_repo ?? '-', updated_at, purpose ?? '-'],
  });
}

/** Deletes agents from a space. */
export const removeAgents = (io: Io, raworc: Raworc, names: readonly string[], { space }: InSpace): Promise<void> =>
  removeEach(io, names, async (name) => {
    await raworc.agents.delete(space, name);
    return name;
  });

/** Stops an agent in every session until it is deployed again. */
export async function stopAgent(io: Io, raworc: Raworc, name: string, { space }: InSpace): Promise<void> {
  const { status } = await raworc.agents.stop(space, name);
  io.stdout.line(`${name} is ${status}`);
}

export interface LogOptions extends InSpace {
  readonly session?: string;
  readonly stream?: 'stdout' | 'stderr';
  readonly lines: number;
  readonly follow?: boolean;
}

/**
 * Prints an agent's output in running sessions, and with `follow` its new output until it is
 * interrupted.
 */
export async function printLogs(io: Io, raworc: Raworc, name: string, options: LogOptions): Promise<void> {
  const { space, stream, lines, follow = false } = options;
  const session_id = options.session === undefined ? undefined : await findSession(raworc, options.session);
  const wanted = { ...(session_id === undefined ? {} : { session_id }), ...(stream === undefined ? {} : { log_type: stream }) };
  // Opened before the past lines are read, so that no line is missed. A line in both is printed
  // once.
  const feed = follow ? await raworc.followLogs(space, name, { ...wanted, limit: lines }) : undefined;
  try {
    const { logs, unread_sessions } = await raworc.agents.getLogs(space, name, { ...wanted, limit: lines });
    if (unread_sessions > 0) note(io, `Running sessions that could not be read in time: ${unread_sessions}`);
    if (logs.length === 0 && !follow) note(io, `${name} has printed nothing in running sessions`);
    const printed = new Set(logs.map(spelled));
    for (const line of logs) io.stdout.write(spelled(line));
    for await (const heard of feed ?? []) {
      const line = logLineIn(heard);
      if (line === undefined) {
        if (heard.kind !== 'event') note(io, 'reconnected; lines in between are missing');
        continue;
      }
      if ((line.dropped ?? 0) > 0) note(io, `${line.dropped} lines came too fast and were dropped`);
      if (!printed.delete(spelled(line))) io.stdout.write(spelled(line));
    }
  } finally {
    await feed?.close();
  }
}

const spelled = ({ timestamp, session_id, stream, line }: Pick<LogLine, 'timestamp' | 'session_id' | 'stream' | 'line'>): string =>
  `${onOneLine(`${timestamp}  ${session_id.slice(0, 8)}  ${stream}  ${line}`)}\n`;

const note = (io: Io, text: string): boolean => io.stderr.line(painted(io, io.stderr, 'dim', text));
