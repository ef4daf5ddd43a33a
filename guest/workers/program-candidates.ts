import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BUILT = 'target/release';

/**
 * Returns where a native agent's program can be, in its directory, first choice first. A handler can
 * also name a function in the program (it is its RAWORC_HANDLER), so the only program that was
 * compiled is the last choice.
 */
export function programCandidates(home: string, name: string, handler: string): readonly string[] {
  const [only, ...more] = builtPrograms(join(home, BUILT));
  const compiled = only === undefined || more.length > 0 ? [] : [`${BUILT}/${only}`];
  const all = [handler, `${BUILT}/${handler}`, `${BUILT}/${name}`, `bin/${name}`, name, 'run', ...compiled];
  return [...new Set(all)].filter((path) => path !== '' && !path.endsWith('/'));
}

function builtPrograms(directory: string): string[] {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(directory).filter((file) => {
    const found = statSync(join(directory, file), { throwIfNoEntry: false });
    return found?.isFile() === true && (found.mode & 0o111) !== 0;
  });
}
