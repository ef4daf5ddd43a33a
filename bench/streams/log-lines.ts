import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Characters of a line without its end. */
const LINE_CHARACTERS = 100;

/** Writes lines of random text. Returns how many bytes they have. */
export async function writeLines(file: string, megabytes: number): Promise<number> {
  const count = Math.ceil((megabytes * 1_000_000) / (LINE_CHARACTERS + 1));
  const lines = Array.from({ length: count }, () => `${randomBytes((LINE_CHARACTERS * 3) / 4).toString('base64')}\n`);
  await writeFile(file, lines.join(''), { mode: 0o644 });
  return count * (LINE_CHARACTERS + 1);
}

/** Runs a container that prints the file, and returns its id. The cluster's label removes it with the cluster. */
export async function printed(file: string, image: string, clusterId: string): Promise<string> {
  const options = ['--label', `raworc.cluster=${clusterId}`, '--network', 'none', '--log-driver', 'json-file'];
  const { stdout } = await run('docker', ['run', '-d', ...options, '-v', `${file}:/lines:ro`, '--entrypoint', 'cat', image, '/lines']);
  const id = stdout.trim();
  await run('docker', ['wait', id]);
  return id;
}
