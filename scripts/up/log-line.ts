import { visibleName } from '../../seams/terminal-text.ts';
import { bold, cyan, dim, red, yellow } from '../terminal.mjs';

export interface LogEntry {
  readonly at: string;
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a process logged on one line; undefined when the line is something else. */
export function parseLogLine(line: string): LogEntry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null || !('event' in parsed) || typeof parsed.event !== 'string') return undefined;
    const { at = '', level = 'info', event, process: _, ...fields } = { ...parsed } as Readonly<Record<string, unknown>>;
    return { at: String(at), level: String(level), event: String(event), fields };
  } catch {
    return undefined;
  }
}

/** `12:00:01  node-1      session.running  session=4123be3f generation=1`; what is no log entry is shown as it is. */
export function renderLogLine(name: string, line: string): string {
  const entry = parseLogLine(line);
  const who = cyan(name.padEnd(10));
  if (entry === undefined) return `${dim('        ')}  ${who}  ${visibleName(line)}`;
  const named = visibleName(entry.event);
  const event = entry.level === 'error' ? red(named) : entry.level === 'warn' ? yellow(named) : bold(named);
  const fields = Object.entries(entry.fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${dim(`${visibleName(key)}=`)}${visibleName(shown(value))}`);
  return [dim(clockTime(entry.at)), '', who, '', event, '', fields.join(' ')].join(' ').trimEnd();
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // The first part of an id names it well enough for a person, and the commands take it.
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text)) return text.slice(0, 8);
  return /[\s"]/.test(text) ? JSON.stringify(text) : text;
}

function clockTime(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? '        ' : time.toTimeString().slice(0, 8);
}
