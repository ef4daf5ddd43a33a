/** Reads TypeScript as text, for tests that judge the sources: enough of the language to tell code from comments and strings. */

/** A `/` after one of these begins a regular expression. */
const beforeRegex = /(^|[(,=:[!&|?{};+\-*%<>~^]|\breturn|\btypeof|\bcase)\s*$/;

interface Cut {
  /** Comments and the insides of strings, templates and regular expressions are blanks; lines stay where they are. */
  readonly code: string;
  /** Only comments are blanks. */
  readonly uncommented: string;
}

export function cut(text: string): Cut {
  let code = '';
  let uncommented = '';
  let at = 0;
  // Depth of braces at which each open template's expression ends.
  const templates: number[] = [];
  let depth = 0;
  const take = (end: number, kind: 'code' | 'string' | 'comment') => {
    const piece = text.slice(at, end);
    const blank = piece.replace(/[^\n]/g, ' ');
    code += kind === 'code' ? piece : blank;
    uncommented += kind === 'comment' ? blank : piece;
    at = end;
  };
  const template = () => {
    let end = at;
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) end += text[end] === '\\' ? 2 : 1;
    take(end, 'string');
    if (text[at] === '`') return take(at + 1, 'code');
    templates.push(depth);
    take(at + 2, 'code');
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    const two = text.slice(at, at + 2);
    if (two === '//') take(endOf(text, '\n', at), 'comment');
    else if (two === '/*') take(Math.min(text.length, endOf(text, '*/', at + 2) + 2), 'comment');
    else if (char === "'" || char === '"') {
      const end = endOfLiteral(text, char, at + 1);
      take(at + 1, 'code');
      take(end, 'string');
      take(end + 1, 'code');
    } else if (char === '/' && beforeRegex.test(code.slice(-40))) take(endOfRegex(text, at + 1), 'string');
    else if (char === '`') {
      take(at + 1, 'code');
      template();
    } else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      take(at + 1, 'code');
      template();
    } else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      take(at + 1, 'code');
    }
  }
  return { code, uncommented };
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found;
}

function endOfLiteral(text: string, quote: string, from: number): number {
  let end = from;
  while (end < text.length && text[end] !== quote && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
  return end;
}

function endOfRegex(text: string, from: number): number {
  let end = from;
  let inClass = false;
  while (end < text.length && text[end] !== '\n' && (inClass || text[end] !== '/')) {
    if (text[end] === '[') inClass = true;
    if (text[end] === ']') inClass = false;
    end += text[end] === '\\' ? 2 : 1;
  }
  return end + 1;
}
