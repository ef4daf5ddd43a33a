import ignore from 'ignore';

/**
 * Ignored unless the .raworcignore includes them again: caches of tools, and environments that work
 * on one machine only.
 */
const USUAL = [
  ...['.git', '.hg', '.svn', '.DS_Store', '__pycache__/', '.venv/', 'venv/', '.tox/', '.nox/'],
  ...['.mypy_cache/', '.pytest_cache/', '.ruff_cache/', '.ipynb_checkpoints/', 'node_modules/'],
];

/**
 * Why a path is ignored: by default, or by a pattern. `kept`: a pattern includes it again.
 * Undefined: no pattern matches.
 */
export type Verdict = 'usual' | 'named' | 'kept' | undefined;

/** Matches paths against the patterns of a .raworcignore, which have the syntax of a .gitignore. */
export function ignoreRules(patterns: string): (path: string, isDirectory: boolean) => Verdict {
  const rules = ignore({ ignorecase: false });
  for (const pattern of USUAL) rules.add({ pattern, mark: 'usual' });
  rules.add(patterns).add('/.raworcignore');
  return (path, isDirectory) => {
    const { ignored, unignored, rule } = rules.test(isDirectory ? `${path}/` : path);
    if (ignored) return rule?.mark === 'usual' ? 'usual' : 'named';
    return unignored ? 'kept' : undefined;
  };
}
