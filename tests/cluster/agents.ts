import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { expect, type Rest } from './rest.ts';
import { type Build, buildShape } from './shapes.ts';

/** Creates an agent's directory. `files`: contents by path. */
export async function writeAgent(directory: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return directory;
}

/** Returns an agent's directory as a gzipped tar. */
export async function packDirectory(directory: string): Promise<Uint8Array<ArrayBuffer>> {
  const archive = pack();
  const packed = buffer(archive);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const path = join(entry.parentPath, entry.name);
    archive.entry({ name: relative(directory, path), mode: 0o644 }, await readFile(path));
  }
  archive.finalize();
  return new Uint8Array(gzipSync(await packed));
}

/**
 * Creates the agent, uploads its directory, deploys it and waits for the build. New sessions then
 * have it.
 */
export async function deploy(rest: Rest, name: string, directory: string, space = 'default'): Promise<Build> {
  const news = await rest.watch('/events');
  try {
    expect(await rest.call('POST', `/spaces/${space}/agents`, { name }), 201, `create agent ${name}`);
    const source = await packDirectory(directory);
    expect(await rest.send('PUT', `/spaces/${space}/agents/${name}/source`, source, 'application/gzip'), 201, `upload ${name}`);
    expect(await rest.call('POST', `/spaces/${space}/agents/${name}/deploy`), 200, `deploy ${name}`);
    const queued = await rest.latestBuild(space);
    const build = isOver(queued) ? queued : await untilOver(news, queued.id);
    if (build.status === 'failed') throw new Error(`the build of ${name} failed: ${build.error ?? 'no reason'}`);
    return build;
  } finally {
    news.close();
  }
}

const isOver = (build: Build) => build.status === 'completed' || build.status === 'failed';

async function untilOver(news: Awaited<ReturnType<Rest['watch']>>, id: string): Promise<Build> {
  const over = await news.until(
    `build ${id} to be over`,
    (event) => {
      const build = buildShape.safeParse(event.data.build);
      return event.type === 'build.state' && build.success && build.data.id === id && isOver(build.data);
    },
    60_000,
  );
  return buildShape.parse(over.data.build);
}
