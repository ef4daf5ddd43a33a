import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import type { CheckedArchive } from '../../../../controller/services/agents/source-check.ts';
import { sourceFiles } from '../../../../controller/store/files/source-files.ts';
import type { CheckRequest } from '../../../../controller/store/source-check/messages.ts';
import type { Disk } from '../../../../seams/disk.ts';
import { systemClock, systemDisk, systemRandom } from '../../../../seams/system.ts';

const CLAIM = { packed: () => accepted(undefined), spooled: () => accepted(undefined) };
const MANIFEST: CheckedArchive['manifest'] = {
  runtime: 'python',
  handler: 'main.py',
  idempotent: false,
  description: null,
  purpose: null,
  capabilities: [],
};

/** Packs an upload as it came. */
const checker = {
  async check({ packedPath }: CheckRequest) {
    const bytes = Buffer.from('packed');
    await writeFile(packedPath, bytes);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    return accepted({ digest, sizeBytes: bytes.byteLength, files: 1, manifest: MANIFEST });
  },
};

t.test('a source is synced before it gets its name, and one that is stored already is not written again', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-sources-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const steps: string[] = [];
  const disk: Disk = {
    ...systemDisk,
    async open(path) {
      const file = await systemDisk.open(path);
      const sync = () => {
        steps.push(`sync ${basename(path).replace(/^incoming-.*?(\.[a-z.]+)$/, '*$1')}`);
        return file.sync();
      };
      return { ...bound(file), sync };
    },
    rename(from, to) {
      steps.push('rename');
      return systemDisk.rename(from, to);
    },
  };
  const files = await sourceFiles(directory, {
    disk,
    random: systemRandom,
    clock: systemClock,
    checker,
    turns: { wait: async () => undefined },
  });
  const upload = async () => {
    const received = await files.receive(Readable.from([Buffer.from('upload')]), CLAIM, async () => undefined);
    if (!received.ok) throw new Error(received.refusal.message);
    await received.value.keep();
    return received.value.source.digest;
  };
  const digest = await upload();
  t.same(steps.splice(0), ['sync *.tar.gz', 'rename']);
  t.equal(await upload(), digest);
  t.same(steps, [], 'the disk is left alone');
  t.same(await readdir(directory), [`${digest.slice(7)}.tar.gz`], 'nothing else is left');
  await files.remove(digest);
  await upload();
  t.same(steps, ['sync *.tar.gz', 'rename'], 'stored again once it was removed');
});

/** The methods of a file, whether they are its own or its class's. */
function bound(file: Awaited<ReturnType<Disk['open']>>) {
  return {
    size: () => file.size(),
    read: (position: number, length: number) => file.read(position, length),
    write: (position: number, bytes: Uint8Array) => file.write(position, bytes),
    writeDurably: (position: number, bytes: Uint8Array) => file.writeDurably(position, bytes),
    allocate: (length: number) => file.allocate(length),
    close: () => file.close(),
  };
}
