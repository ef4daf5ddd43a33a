import { type EventFeed, type LogLine, logLineIn, type Raworc } from '../../sdk/raworc.ts';
import { type Colour, type Io, painted } from '../io.ts';
import { findSession } from '../reference.ts';
import { onOneLine, type Written } from '../terminal.ts';

export interface LogOptions {
  readonly space: string;
  readonly session?: string;
  readonly run?: string;
  readonly since?: string;
  readonly until?: string;
  readonly stream?: 'stdout' | 'stderr';
  readonly lines: number;
  readonly follow?: boolean;
}

type Line = Pick<LogLine, 'timestamp' | 'session_id' | 'run_id' | 'stream' | 'line'> & { readonly agent?: string };

interface Source {
  /** Undefined unless the log is followed. */
  readonly feed: EventFeed | undefined;
  read(): Promise<{ readonly logs: readonly Line[]; readonly unread_sessions: number }>;
  /** Printed instead of no lines. */
  readonly none: string;
  spelled(line: Line): readonly Written[];
}

/** Prints an agent's output in running sessions, and with `follow` its new output until Ctrl-C. */
export async function printAgentLogs(io: Io, raworc: Raworc, name: string, options: LogOptions): Promise<void> {
  const { space } = options;
  const query = await queryOf(raworc, options);
  await print(io, {
    feed: options.follow === true ? await raworc.followLogs(space, name, query) : undefined,
    read: () => raworc.agents.getLogs(space, name, query),
    none: `${name} has printed nothing in running sessions`,
    spelled: ({ timestamp, session_id, stream, line }) => [`${timestamp}  ${session_id.slice(0, 8)}  ${stream}  ${line}`],
  });
}

/** The same for all agents of a space, or one. On a terminal, each session has a colour. */
export async function printLogs(io: Io, raworc: Raworc, agent: string | undefined, options: LogOptions): Promise<void> {
  const { space } = options;
  const query = { ...(await queryOf(raworc, options)), ...(agent === undefined ? {} : { agent }) };
  const colours = new SessionColours();
  await print(io, {
    feed: options.follow === true ? await raworc.followSpaceLogs(space, query) : undefined,
    read: () => raworc.spaces.getLogs(space, query),
    none: `Nothing was printed in the running sessions of space ${space}`,
    spelled: ({ timestamp, session_id, agent: name = '-', stream, line }) => [
      `${timestamp}  `,
      painted(io, io.stdout, colours.of(session_id), `${session_id.slice(0, 8)}  ${name}`),
      '  ',
      stream === 'stderr' ? painted(io, io.stdout, 'red', stream) : stream,
      `  ${line}`,
    ],
  });
}

async function queryOf(raworc: Raworc, { session, run, since, until, stream, lines }: LogOptions) {
  return {
    ...(session === undefined ? {} : { session_id: await findSession(raworc, session) }),
    ...(run === undefined ? {} : { run_id: run }),
    ...(stream === undefined ? {} : { log_type: stream }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    limit: lines,
  };
}

/** The feed is open before the past lines are read, so that no line is missed. */
async function print(io: Io, { feed, read, none, spelled }: Source): Promise<void> {
  const write = (line: Line) => io.stdout.write(...spelled(line).map((part) => (typeof part === 'string' ? onOneLine(part) : part)), '\n');
  try {
    const { logs, unread_sessions } = await read();
    if (unread_sessions > 0) note(io, `Running sessions that could not be read in time: ${unread_sessions}`);
    if (logs.length === 0 && feed === undefined) note(io, none);
    // A line that comes both ways is printed once.
    const printed = new Set(logs.map(key));
    for (const line of logs) write(line);
    for await (const heard of feed ?? []) {
      const line = logLineIn(heard);
      if (line === undefined) {
        if (heard.kind !== 'event') note(io, 'reconnected; lines in between are missing');
        else if (heard.type === 'dropped') noteDropped(io, Number(heard.data.dropped));
        continue;
      }
      noteDropped(io, line.dropped ?? 0);
      if (!printed.delete(key(line))) write(line);
    }
  } finally {
    await feed?.close();
  }
}

const key = ({ timestamp, session_id, agent = '', run_id, stream, line }: Line): string =>
  JSON.stringify([timestamp, session_id, agent, run_id, stream, line]);

/** Gives each session a colour, in order of appearance. */
class SessionColours {
  readonly #colours = ['cyan', 'green', 'yellow', 'magenta', 'blue'] as const satisfies readonly Colour[];
  readonly #known = new Map<string, Colour>();

  of(session: string): Colour {
    const colour = this.#known.get(session) ?? this.#colours[this.#known.size % this.#colours.length] ?? 'cyan';
    this.#known.set(session, colour);
    return colour;
  }
}

function noteDropped(io: Io, count: number): void {
  if (count > 0) note(io, `${count} lines came too fast and were dropped`);
}

const note = (io: Io, text: string): boolean => io.stderr.line(painted(io, io.stderr, 'dim', text));
