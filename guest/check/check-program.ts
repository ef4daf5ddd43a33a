import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { programCandidates } from '../workers/program-candidates.ts';

const FIRST_LINE_BYTES = 256;

/** Returns why a native agent's program cannot run; undefined if nothing speaks against it. */
export function checkProgram(home: string, name: string, handler: string): string | undefined {
  const candidates = programCandidates(home, name, handler);
  const files = candidates.filter((path) => statSync(join(home, path), { throwIfNoEntry: false })?.isFile() === true);
  const program = files.find((path) => (statSync(join(home, path)).mode & 0o111) !== 0);
  if (program === undefined) {
    const [first] = files;
    if (first !== undefined) return `${first} is not executable. Run chmod +x ${first} and deploy again`;
    return `none of these files is there: ${candidates.join(', ')}`;
  }
  const line = firstLine(join(home, program));
  if (!line.startsWith('#!')) return undefined;
  if (line.endsWith('\r')) return `${program}, line 1: the line ends with CRLF, so its interpreter is not found. Save it with LF line ends`;
  const interpreter = line.slice(2).trim().split(/\s+/)[0] ?? '';
  if (statSync(interpreter, { throwIfNoEntry: false }) === undefined) return `${program}, line 1: the image has no ${interpreter}`;
  return undefined;
}

function firstLine(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(FIRST_LINE_BYTES);
    const text = bytes.toString('latin1', 0, readSync(file, bytes));
    return text.split('\n')[0] ?? '';
  } finally {
    closeSync(file);
  }
}
