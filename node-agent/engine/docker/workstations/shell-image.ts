import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import type { RootEntry } from '../../../volumes/roots/lower-roots.ts';
import { abortable, unless } from '../client.ts';

/** Directories that are not of the session's root: the engine's own, and its disk. */
export const OWN_PLACES: ReadonlySet<string> = new Set(['proc', 'sys', 'dev', 'run', 'session']);

/**
 * Returns the name of an image that has nothing but the places at which a root is mounted. Containers
 * of workstations start from it, so that a clean-up of the engine takes nothing that they need: it is
 * made again in a moment.
 */
export async function shellImage(docker: Docker, entries: readonly RootEntry[], signal: AbortSignal): Promise<string> {
  const archive = await archiveOf(entries);
  const name = `raworc_workstation_shell:${createHash('sha256').update(archive).digest('hex').slice(0, 12)}`;
  if ((await unless([404], abortable(signal, docker.getImage(name).inspect()))) !== undefined) return name;
  const [repo, tag] = name.split(':');
  const answer = await abortable(signal, docker.importImage(Readable.from([archive]), { repo, tag }));
  const said = (await buffer(answer)).toString();
  if (said.includes('"errorDetail"')) throw new Error(`docker import: ${said.trim().slice(0, 300)}`);
  return name;
}

async function archiveOf(entries: readonly RootEntry[]): Promise<Buffer> {
  const pack = tar.pack();
  const mtime = new Date(0);
  const named = new Set(entries.map(({ name }) => name));
  for (const entry of entries) {
    if (entry.kind === 'link') pack.entry({ name: entry.name, type: 'symlink', linkname: entry.target, mtime });
    else pack.entry({ name: entry.name, type: 'directory', mode: entry.mode, mtime });
  }
  for (const name of OWN_PLACES) if (!named.has(name)) pack.entry({ name, type: 'directory', mode: 0o755, mtime });
  pack.finalize();
  return buffer(pack);
}
