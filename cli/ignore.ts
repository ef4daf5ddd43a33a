/** Left out unless the .raworcignore takes them back: what tools keep for themselves, and environments that hold only on the machine that made them. */
const USUAL = [
  ...['.git', '.hg', '.svn', '.DS_Store', '__pycache__/', '.venv/', 'venv/', '.tox/', '.nox/'],
  ...['.mypy_cache/', '.pytest_cache/', '.ruff_cache/', '.ipynb_checkpoints/'],
];
const OWN = '.raworcignore';

/** Why a path stays behind: `usual`, or as the .raworcignore says. `kept`: that takes it back. Undefined: nobody names it. */
export type Verdict = 'usual' | 'named' | 'kept' | undefined;

interface Rule {
  readonly isUsual: boolean;
  readonly leavesOut: boolean;
  readonly directoriesOnly: boolean;
  readonly matches: RegExp;
}

/**
 * The patterns of a .raworcignore, spelled as in a .gitignore: one a line, `#` for comments, `*`, `?`, `[abc]` and `**`, a slash in
 * front or within ties it to the top, one behind means directories only, `!` takes back. The last that matches decides. What is in a directory that is left
 * out cannot be taken back.
 */
export function ignoreRules(text: string): (path: string, isDirectory: boolean) => Verdict {
  const rules = [...USUAL.map((line) => rule(line, true)), ...text.split('\n').map((line) => rule(line, false))].filter(
    (one) => one !== undefined,
  );
  return (path, isDirectory) => {
    if (path === OWN) return 'named';
    const last = rules.findLast(({ matches, directoriesOnly }) => (isDirectory || !directoriesOnly) && matches.test(path));
    if (last === undefined) return undefined;
    if (!last.leavesOut) return 'kept';
    return last.isUsual ? 'usual' : 'named';
  };
}

function rule(line: string, isUsual: boolean): Rule | undefined {
  let pattern = line.replace(/\r$/, '').trimEnd();
  if (pattern === '' || pattern.startsWith('#')) return undefined;
  const leavesOut = !pattern.startsWith('!');
  if (!leavesOut) pattern = pattern.slice(1);
  if (pattern.startsWith('\\')) pattern = pattern.slice(1);
  const directoriesOnly = pattern.endsWith('/');
  if (directoriesOnly) pattern = pattern.slice(0, -1);
  const isTied = pattern.includes('/');
  const matches = new RegExp(`^${isTied ? '' : '(?:.*/)?'}${expression(pattern.replace(/^\//, ''))}$`, 'u');
  return { isUsual, leavesOut, directoriesOnly, matches };
}

function expression(pattern: string): string {
  const pieces = pattern.match(/\*\*\/|\/\*\*$|\*+|\[[^\]/]+\]|./gsu) ?? [];
  return pieces.map(pieceExpression).join('');
}

function pieceExpression(piece: string): string {
  if (piece === '**/') return '(?:.*/)?';
  if (piece === '/**') return '/.+';
  if (piece.startsWith('*')) return '[^/]*';
  if (piece === '?') return '[^/]';
  if (piece.length > 1 && piece.startsWith('[')) {
    const not = piece[1] === '!' || piece[1] === '^';
    const letters = piece.slice(not ? 2 : 1, -1).replace(/[\\[\]^&~!#$%*+,.:;<=>?@`|{}()]/g, '\\$&');
    return `[${not ? '^/' : ''}${letters}]`;
  }
  return piece.replace(/[.*+?^${}()|[\]\\/]/u, '\\$&');
}
