/** Commands that decide which sessions a node gets. */
import type { Drain, Node, Raworc } from '../../sdk/raworc.ts';
import { type Io, Misuse, painted, Trouble } from '../io.ts';

export async function cordonNode(io: Io, raworc: Raworc, ref: string): Promise<void> {
  const { name } = await raworc.nodes.cordon(ref);
  io.stdout.line(`${name} is cordoned: it accepts no new sessions`);
}

export async function uncordonNode(io: Io, raworc: Raworc, ref: string): Promise<void> {
  const { name } = await raworc.nodes.uncordon(ref);
  io.stdout.line(`${name} accepts sessions`);
}

/** Sets labels given as KEY=VALUE and removes those given as KEY-, then prints all labels. */
export async function labelNode(io: Io, raworc: Raworc, ref: string, changes: readonly string[]): Promise<void> {
  const labels: Record<string, string | null> = {};
  for (const change of changes) {
    const [, key, value] = /^([^=]+)=(.*)$/.exec(change) ?? [];
    if (key !== undefined && value !== undefined) labels[key] = value;
    else if (/^[^=]+-$/.test(change)) labels[change.slice(0, -1)] = null;
    else throw new Misuse(`"${change}" is not a label. Write KEY=VALUE to set one, or KEY- to remove one`);
  }
  const updated = await (changes.length === 0 ? raworc.nodes.get(ref) : raworc.nodes.patch(ref, { labels }));
  io.stdout.line(labelsOf(updated) || `${updated.name} has no labels`);
}

/** Returns "disk=nvme zone=a". */
export const labelsOf = ({ labels }: Pick<Node, 'labels'>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(' ');

export interface DrainOptions {
  readonly deadline?: number;
  /** False lets busy sessions finish, however long they take. */
  readonly interrupt: boolean;
  readonly wait: boolean;
}

/** Drains a node and prints the progress until no session runs on it. */
export async function drainNode(io: Io, raworc: Raworc, ref: string, { deadline, interrupt, wait }: DrainOptions): Promise<void> {
  const body = { ...(deadline === undefined ? {} : { deadline_s: 60 * deadline }), on_deadline: interrupt ? 'suspend' : 'wait' } as const;
  // Opened first, so that no progress is missed.
  const events = wait ? await raworc.events({}) : undefined;
  try {
    const node = await raworc.nodes.drain(ref, body);
    let shown = '';
    const show = (drain: Drain) => {
      const text = progress(drain);
      if (text !== shown) io.stderr.line(text);
      shown = text;
    };
    if (node.drain !== null) show(node.drain);
    if (events === undefined) return void io.stdout.line(`${node.name} is being drained. Follow it with \`raworc node get ${node.name}\``);
    io.stderr.line(painted(io, io.stderr, 'dim', 'Ctrl-C stops watching; the drain continues'));
    for await (const heard of events) {
      if (heard.kind === 'event' && !isAbout(heard.data.node, node.id)) continue;
      const { drain } = await raworc.nodes.get(node.id);
      if (drain === null) throw new Trouble(`The drain of ${node.name} was ended by another request`);
      show(drain);
      if (drain.status === 'drained') return void io.stdout.line(`${node.name} is drained`);
    }
  } finally {
    await events?.close();
  }
}

const isAbout = (subject: unknown, id: string): boolean =>
  typeof subject === 'object' && subject !== null && 'id' in subject && subject.id === id;

function progress({ sessions_left: left, sessions_by_state: byState, deadline_at, on_deadline }: Drain): string {
  if (left === 0) return 'All sessions have stopped';
  const states = Object.entries(byState).map(([state, count]) => `${count} ${state}`);
  const until = on_deadline === 'suspend' && deadline_at !== null ? `, until ${deadline_at} at the latest` : '';
  return `${left} ${left === 1 ? 'session has' : 'sessions have'} not stopped (${states.join(', ')})${until}`;
}
