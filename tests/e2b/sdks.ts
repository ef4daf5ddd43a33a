import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The SDKs that are tried, unmodified: of the first and of the second version of the API, and what is built on them. */
export const SDKS = {
  first: ['e2b@2.45.0'],
  second: ['e2b@2.51.0', '@e2b/code-interpreter@2.8.0', '@computesdk/e2b@1.7.52'],
} as const;
export type SdkVersion = keyof typeof SDKS;

const CACHE = process.env.RAWORC_TEST_SDKS ?? join(homedir(), '.cache', 'raworc-test-sdks');

/** Installs the packages of a version once, outside the project, and returns what loads them. */
export async function loadSdk(version: SdkVersion): Promise<NodeJS.Require> {
  const directory = join(CACHE, version);
  await mkdir(directory, { recursive: true });
  const load = createRequire(join(directory, 'load.js'));
  try {
    load.resolve('e2b');
  } catch {
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', directory, ...SDKS[version]], { timeout: 300_000 });
  }
  return load;
}
