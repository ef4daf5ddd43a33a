import { createHash } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import { messageOf } from '../../seams/message-of.ts';
import { isAgentName, judgeEntry, SOURCE_BOUNDS } from '../domain/source-entry.ts';

export interface ContextPlan {
  readonly baseImage: string;
  readonly agents: readonly { readonly spec: { readonly name: string } | null; readonly digest: string }[];
}

/** A source that cannot be part of an image. The message is a clause for the user. */
export class BadSource extends Error {
  override readonly name = 'BadSource';
}

export interface BuildContext {
  /**
   * A tar with a Dockerfile and `agents/{name}/…`. It is destroyed unless every source has its
   * digest and no forbidden entry.
   */
  readonly stream: Readable;
  /** Rejects with the error that destroyed the stream, {@link BadSource} if a source caused it. */
  readonly done: Promise<void>;
}

/**
 * Streams sources from the controller through the checks into the engine. Nothing is written to
 * this machine's disk.
 */
export function buildContext(plan: ContextPlan, fetch: (digest: string) => AsyncIterable<Uint8Array>): BuildContext {
  const pack = tar.pack();
  const stream = Readable.from(pack, { objectMode: false });
  const givenUp = new Promise<never>((_, reject) => {
    stream.once('close', () => reject(new Error('the build was cancelled')));
  });
  const done = Promise.race([fill(pack, plan, fetch), givenUp]).catch((error: unknown) => {
    const fault = error instanceof Error ? error : new Error(String(error));
    pack.destroy(fault);
    stream.destroy(fault);
    throw fault;
  });
  stream.on('close', () => pack.destroy());
  stream.on('error', () => undefined);
  done.catch(() => undefined);
  givenUp.catch(() => undefined);
  return { stream, done };
}

async function fill(pack: tar.Pack, plan: ContextPlan, fetch: (digest: string) => AsyncIterable<Uint8Array>): Promise<void> {
  if (/\s/.test(plan.baseImage)) throw new BadSource('the base image has an invalid name');
  await entry(pack, { name: 'Dockerfile', mode: 0o644 }, `FROM ${plan.baseImage}\nCOPY agents /opt/raworc/agents\n`);
  await entry(pack, { name: 'agents', type: 'directory', mode: 0o755 });
  for (const { spec, digest } of plan.agents) {
    if (spec === null || !isAgentName(spec.name)) throw new BadSource('an agent has an invalid name');
    await entry(pack, { name: `agents/${spec.name}`, type: 'directory', mode: 0o755 });
    await addSource(pack, spec.name, digest, fetch(digest));
  }
  pack.finalize();
}

async function addSource(pack: tar.Pack, agent: string, digest: string, packed: AsyncIterable<Uint8Array>): Promise<void> {
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _, next) {
      hash.update(chunk);
      next(null, chunk);
    },
  });
  let unpackedBytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _, next) {
      unpackedBytes += chunk.byteLength;
      next(unpackedBytes > SOURCE_BOUNDS.unpackedBytes ? bad('it unpacks to more than 512 MiB') : null, chunk);
    },
  });
  const bad = (reason: string) => new BadSource(`the source of the agent ${agent} is invalid: ${reason}`);
  const extract = tar.extract();
  const read = pipeline(Readable.from(packed), hashing, createGunzip(), bounded, extract);
  read.catch(() => undefined);
  let entries = 0;
  try {
    for await (const item of extract) {
      const { name, type, mode, size, linkname } = item.header;
      entries += 1;
      if (entries > SOURCE_BOUNDS.entries) throw bad(`it has more than ${SOURCE_BOUNDS.entries} entries`);
      const verdict = judgeEntry({ name, type: type ?? 'file', mode: mode ?? 0o644, target: linkname ?? '' });
      if (!verdict.ok) throw bad(verdict.reason);
      if (verdict.kind === 'file') {
        await pipeline(item, pack.entry({ name: `agents/${agent}/${verdict.path}`, size: size ?? 0, mode: verdict.mode, ...ROOT }));
      } else {
        item.resume();
        if (verdict.kind === 'nothing') continue;
        const at = `agents/${agent}/${verdict.path}`;
        if (verdict.kind === 'directory') await entry(pack, { name: at, type: 'directory', mode: verdict.mode });
        if (verdict.kind === 'link') await entry(pack, { name: at, type: 'symlink', linkname: verdict.target, mode: 0o777 });
      }
    }
    await read;
  } catch (error) {
    extract.destroy();
    await read.catch(() => undefined);
    throw error instanceof BadSource ? error : bad(`it cannot be read (${messageOf(error)})`);
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw bad('its content does not match its digest');
}

/** Equal content gives an equal layer. */
const ROOT = { uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: new Date(0) };

function entry(
  pack: tar.Pack,
  header: { name: string; mode: number; type?: 'directory' | 'symlink'; linkname?: string },
  content = '',
): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry({ ...header, ...ROOT }, content, (error) => (error ? reject(error) : resolve()));
  });
}
