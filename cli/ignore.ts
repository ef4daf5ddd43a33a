/** What never goes along: what tools keep for themselves. */
const ALWAYS = ['.git', '.hg', '.svn', '__pycache__', '.DS_Store', '/.raworcignore'];

interface Rule {
  readonly leavesOut: boolean;
  readonly directoriesOnly: boolean;
  readonly matches: RegExp;
}

/**
 * The patterns of a .raworcignore, spelled as in a .gitignore: one a line, `#` for comments, `*`, `?`, `[abc]` and `**`, a slash in
 * front or within ties it to the top, one behind means directories only, `!` takes back. The last that matches decides. What is in a directory that is left
 * out cannot be taken back.
 */
export function ignoreRules(text: string): (path: string, isDirectory: boolean) => boolean {
  const rules = [...ALWAYS, ...text.split('\n')].map(rule).filter((one) => one !== undefined);
  return (path, isDirectory) =>
    rules.findLast(({ matches, directoriesOnly }) => (isDirectory || !directoriesOnly) && matches.test(path))?.leavesOut ?? false;
}

function rule(line: string): Rule | undefined {
  let pattern = line.replace(/\r$/, '').trimEnd();
  if (pattern === '' || pattern.startsWith('#')) return undefined;
  const leavesOut = !pattern.startsWith('!');
  if (!leavesOut) pattern = pattern.slice(1);
  if (pattern.startsWith('\\')) pattern = pattern.slice(1);
  const directoriesOnly = pattern.endsWith('/');
  if (directoriesOnly) pattern = pattern.slice(0, -1);
  const isTied = pattern.includes('/');
  return { leavesOut, directoriesOnly, matches: new RegExp(`^${isTied ? '' : '(?:.*/)?'}${expression(pattern.replace(/^\//, ''))}$`, 'u') };
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
