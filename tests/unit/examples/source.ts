/** An example as a build sees it, and as a session runs it. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { type Manifest, readManifest } from '../../../controller/domain/agents/manifest.ts';
import type { Worker } from '../../../guest/runs/worker-host.ts';
import { stage } from '../guest/stage.ts';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
const EXAMPLES = join(ROOT, 'examples');

const filesIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));

/** Directories of agents, `team/planner` among them. */
export const AGENTS: readonly string[] = filesIn(EXAMPLES)
  .filter((path) => /(?:^|\/)(?:main\.py|index\.(?:mjs|ts)|Cargo\.toml|Dockerfile)$/.test(path))
  .map((path) => path.slice(0, path.lastIndexOf('/')));

export const directoryOf = (example: string): string => join(EXAMPLES, example);

/** What the controller works out from the files, as from an upload. */
export function manifestOf(directory: string): Manifest {
  const manifest = readManifest({
    paths: new Set(filesIn(directory)),
    text: (path) => (existsSync(join(directory, path)) ? readFileSync(join(directory, path), 'utf8') : undefined),
  });
  if (!manifest.ok) throw new Error(`${directory}: ${manifest.refusal.message}`);
  return manifest.value;
}

const RUNTIMES = { python: 'PYTHON', node: 'NODE', native: 'NATIVE' } as const;

export interface Installed {
  readonly worker: Worker;
  readonly directory: string;
}

/** Starts an agent of these files with the real worker. `also` are files that a build would have installed. */
export function start(
  t: Test,
  source: string,
  {
    also = {},
    environment = {},
  }: { readonly also?: Readonly<Record<string, string>>; readonly environment?: Readonly<Record<string, string>> } = {},
): Installed {
  const { directory, start } = stage(t);
  const name = 'agent';
  const home = join(directory, 'agents', name);
  cpSync(source, home, { recursive: true });
  for (const [path, content] of Object.entries(also)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), content);
  }
  const { runtime, handler } = manifestOf(source);
  return { directory, worker: start({ name, runtime: RUNTIMES[runtime], handler }, {}, { ...environment }) };
}
