import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { packFolder } from '../../../../archive/pack-folder.ts';
import { PathFolder } from '../../../../archive/path-folder.ts';
import { dockerfileOf, type Recipe } from './recipe.ts';

/** Programs of this node agent that the stock image gets, on this host. */
export interface Programs {
  /** Node.js, the file. */
  readonly node: string;
  /** The directory of npm. */
  readonly npm: string;
}

/**
 * Returns what Docker makes an image from, as a tar. `settings` are the names of the variables that its
 * steps get. Programs are sent as they are read.
 */
export function contextOf(recipe: Recipe, settings: readonly string[], programs: Programs): Readable {
  const pack = tar.pack();
  const fill = async () => {
    pack.entry({ name: 'Dockerfile' }, dockerfileOf(recipe, settings));
    for (const [path, content] of recipe.files) pack.entry({ name: path, mode: 0o755 }, content);
    if (recipe.hasPrograms) {
      const { size } = await stat(programs.node);
      await pipeline(createReadStream(programs.node), pack.entry({ name: 'node', mode: 0o777, size }));
      const npm = Buffer.concat([...packFolder(new PathFolder(Buffer.from(programs.npm).toString('latin1')))]);
      pack.entry({ name: 'npm.tar' }, npm);
    }
    pack.finalize();
  };
  fill().catch((error: unknown) => pack.destroy(error instanceof Error ? error : new Error(String(error))));
  return Readable.from(pack);
}
