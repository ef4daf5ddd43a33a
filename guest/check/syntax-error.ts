import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ENDINGS = ['.mjs', '.js', '.cjs', '.ts', '.mts', '/index.mjs', '/index.js', '/index.cjs', ''];
const LIMIT_MS = 20_000;

/**
 * Returns what Node.js prints about a module with a syntax error. It names file and line only of
 * an error that nothing catches.
 */
export function syntaxError(
  home: string,
  handler: string,
  workers: string,
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const dot = handler.lastIndexOf('.');
  const module = dot > 0 ? handler.slice(0, dot) : handler;
  const file = ENDINGS.map((ending) => join(home, module + ending)).find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (file === undefined) return Promise.resolve('');
  return new Promise((resolve) => {
    const args = [
      '--import',
      pathToFileURL(join(workers, 'resolve-raworc.mjs')).href,
      '-e',
      `import(${JSON.stringify(pathToFileURL(file).href)})`,
    ];
    execFile(process.execPath, args, { ...options, timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (_error, _stdout, stderr) =>
      resolve(stderr),
    );
  });
}
