import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type KernelFiles, kernelFiles, MemoryReturn } from '../../../../node-agent/engine/docker/memory.ts';
import type { Log } from '../../../../seams/log.ts';
import { testDirectory } from '../../../test-directory.ts';

const MIB = 1024 * 1024;
const SWAP = 'Filename\tType\tSize\tUsed\tPriority\n/dev/sda2\tpartition\t1000\t0\t-2\n';

/** A directory like the kernel's, of a container that holds so many bytes, all but `stuck` of which can be moved away. */
function machine(directory: string, { swaps = SWAP, cgroup = '0::/docker/c\n', bytes = 100 * MIB, stuck = 5 * MIB } = {}) {
  const place = join(directory, 'cgroup/docker/c');
  const proc = join(directory, 'proc');
  mkdirSync(place, { recursive: true });
  mkdirSync(join(proc, '42'), { recursive: true });
  writeFileSync(join(proc, 'swaps'), swaps);
  writeFileSync(join(proc, '42/cgroup'), cgroup);
  writeFileSync(join(place, 'memory.current'), `${bytes}\n`);
  writeFileSync(join(place, 'memory.swap.max'), '0\n');
  const asked: { bytes: number; swapMax: string }[] = [];
  const read = (name: string) => readFileSync(join(place, name), 'utf8').trim();
  const files: KernelFiles = {
    ...kernelFiles,
    cgroups: join(directory, 'cgroup'),
    proc,
    async write(path, text) {
      if (!path.endsWith('memory.reclaim')) return kernelFiles.write(path, text);
      asked.push({ bytes: Number(text), swapMax: read('memory.swap.max') });
      const now = Number(read('memory.current'));
      const after = Math.max(stuck, now - Number(text));
      writeFileSync(join(place, 'memory.current'), String(after));
      if (now - after < Number(text)) throw new Error('EAGAIN');
    },
  };
  const said: string[] = [];
  const keep = (event: string) => void said.push(event);
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep };
  return { files, asked, said, read, memory: new MemoryReturn(files, log) };
}

t.test('a frozen container is emptied piece by piece, and may not swap afterwards', async (t) => {
  const { memory, asked, said, read } = machine(testDirectory(t));
  await memory.begin('s', 42);
  t.same(
    asked,
    [32, 32, 32, 5].map((mib) => ({ bytes: mib * MIB, swapMax: 'max' })),
  );
  t.equal(read('memory.swap.max'), '0');
  t.same(said, ['memory.returned']);
});

t.test('one that is to run again is left alone after the piece that is under way', async (t) => {
  const { files, asked, read, said } = machine(testDirectory(t));
  const memory: MemoryReturn = new MemoryReturn(
    {
      ...files,
      async write(path, text) {
        await files.write(path, text);
        if (path.endsWith('memory.reclaim')) memory.end('s');
      },
    },
    { debug: (event) => void said.push(event), info() {}, warn() {}, error() {} },
  );
  await memory.begin('s', 42);
  t.equal(asked.length, 1);
  t.equal(read('memory.swap.max'), '0');
});

t.test('where it cannot be done nothing is touched, which is said once', async (t) => {
  for (const [what, wrong] of [
    ['no swap', { swaps: 'Filename\tType\tSize\tUsed\tPriority\n' }],
    ['cgroup v1', { cgroup: '11:memory:/docker/c\n' }],
    ['another place', { cgroup: '0::/elsewhere\n' }],
    ['a way out', { cgroup: '0::/../../etc\n' }],
  ] as const) {
    const { memory, asked, said, read } = machine(testDirectory(t), wrong);
    await memory.begin('s', 42);
    await memory.begin('s', 42);
    t.same([asked, said, read('memory.swap.max')], [[], ['memory.kept'], '0'], what);
  }
  const { memory, said } = machine(testDirectory(t));
  await memory.begin('s', 43);
  t.same(said, ['memory.return-failed'], 'a process that is gone is no fault');
});
