/**
 * `raworc-node-agent session-image`: builds the image that sessions start from unless this host has
 * it, and prints its tag, the controller's setting RAWORC_BASE_IMAGE_TAG.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeDirectory } from '../../seams/make-directory.ts';
import { print } from '../../seams/print.ts';
import { openDocker } from '../machine/docker.ts';
import { reasonOf, runProgram, Trouble } from '../program.ts';
import { ensureSessionImage } from './session-image.ts';

const DATA = '/var/lib/raworc';

runProgram(async (args) => {
  const dataDir = resolve(directoryIn(args));
  await makeDirectory(dataDir, 0o700);
  const docker = openDocker();
  await docker.ping().catch((error: unknown) => {
    throw new Trouble(`Docker does not answer: ${reasonOf(error)}`, 'start Docker, and run this as root');
  });
  const note = (text: string) => print(text, 'stderr');
  print(await ensureSessionImage({ dataDir, docker, progress: () => undefined, note }));
  return 0;
});

function directoryIn(args: readonly string[]): string {
  try {
    return parseArgs({ args: [...args], options: { data: { type: 'string', default: DATA } } }).values.data;
  } catch (error) {
    print(`raworc-node-agent: ${reasonOf(error)}\nUsage: raworc-node-agent session-image [--data DIR]   (default: ${DATA})`, 'stderr');
    return process.exit(2);
  }
}
