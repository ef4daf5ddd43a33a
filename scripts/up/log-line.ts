import { appendFileSync, existsSync, renameSync, statSync } from 'node:fs';
import { visibleName } from '../../seams/terminal-text.ts';
import { bold, cyan, dim, red, yellow } from '../terminal.ts';

export interface LogEntry {
  readonly at: string;
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Parses one line of a process's log. Returns undefined for any other text. */
export function parseLogLine(line: string): LogEntry | undefined {
  try {
    const { at = '', level = 'info', event, process: _, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return typeof event === 'string' ? { at: String(at), level: String(level), event, fields } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * `12:00:01 node-1 session.running session=4123be3f generation=1`; other text is shown unchanged.
 */
export function renderLogLine(name: string, line: string): string {
  const entry = parseLogLine(line);
  const who = cyan(name.padEnd(10));
  if (entry === undefined) return `${' '.repeat(8)}  ${who}  ${visibleName(line)}`;
  const paint = entry.level === 'error' ? red : entry.level === 'warn' ? yellow : bold;
  const fields = Object.entries(entry.fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${dim(`${visibleName(key)}=`)}${visibleName(shortened(value))}`);
  const time = new Date(entry.at);
  const clock = Number.isNaN(time.getTime()) ? ' '.repeat(8) : time.toTimeString().slice(0, 8);
  return `${dim(clock)}  ${who}  ${paint(visibleName(entry.event))}  ${fields.join(' ')}`.trimEnd();
}

function shortened(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // The commands take the first part of an id.
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text.slice(0, 8);
  return /[\s"]/.test(text) ? JSON.stringify(text) : text;
}

/**
 * Returns a function that appends lines to a log. Past half of the bound the log is set aside as
 * `.1`, replacing the one before.
 */
export function boundedLog(path: string, boundBytes = 32 * 1024 ** 2): (line: string) => void {
  let bytes = existsSync(path) ? statSync(path).size : 0;
  return (line) => {
    if (bytes > boundBytes / 2) {
      renameSync(path, `${path}.1`);
      bytes = 0;
    }
    appendFileSync(path, `${line}\n`, { mode: 0o600 });
    bytes += Buffer.byteLength(line) + 1;
  };
}
