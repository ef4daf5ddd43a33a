import type { Hop, Trace } from '../sdk/raworc.ts';
import { duration, type Io, painted, table } from './io.ts';
import type { Terminal } from './terminal.ts';

const MAX_QUESTION = 40;
const VERBS: Readonly<Record<Hop['kind'], string>> = { ask: 'asks', handoff: 'hands over to' };

/**
 * Prints who asked whom to answer a message, as a tree with times: when they asked, counted from
 * the message, how long the question waited, and how long the run took.
 */
export function printTrace(io: Io, stream: Terminal, trace: Trace): void {
  const [heading = '', ...lines] = table([
    ['AGENT', 'ASKED', 'WAITED', 'TOOK', 'RESULT', 'QUESTION'],
    [...rootRow(trace)],
    ...hopRows(trace, undefined, ''),
  ]).split('\n');
  stream.line(painted(io, stream, 'dim', heading));
  stream.write(lines.join('\n'));
}

function rootRow({ state, run, hops, answer }: Trace): readonly string[] {
  const [first] = hops;
  const { agent, duration_ms: took, reason } = answer?.metadata ?? {};
  // The answer names the agent that gave it, perhaps after a hand-over.
  const name = first?.from ?? run?.agent ?? (typeof agent === 'string' ? agent : answer?.created_by);
  return [name ?? '-', '', '', typeof took === 'number' ? duration(took) : '', answer === undefined ? state : resultOf(reason)];
}

function hopRows(trace: Trace, parent: string | undefined, indent: string): string[][] {
  const below = trace.hops.filter(({ parent_id: id }) => id === parent);
  return below.flatMap((hop, at) => {
    const isLast = at === below.length - 1;
    const waited = hop.run_id === undefined ? ['', ''] : [duration(hop.waited_ms), duration(hop.duration_ms)];
    const row = [
      `${indent}${isLast ? '└─' : '├─'} ${VERBS[hop.kind]} ${hop.to}`,
      `+${duration(Math.max(0, Date.parse(hop.asked_at) - Date.parse(trace.message.created_at)))}`,
      ...waited,
      resultOf(hop.outcome === 'error' ? (hop.reason ?? 'error') : undefined),
      excerpt(hop.question),
    ];
    return [row, ...hopRows(trace, hop.id, `${indent}${isLast ? '   ' : '│  '}`)];
  });
}

const resultOf = (reason: unknown): string => (typeof reason === 'string' ? `✗ ${reason}` : '✓');

function excerpt(question: string): string {
  const line = question.trim().replace(/\s+/g, ' ');
  const shown = [...line.slice(0, 2 * MAX_QUESTION)].slice(0, MAX_QUESTION).join('');
  return shown.length < line.length ? `${shown}…` : shown;
}
