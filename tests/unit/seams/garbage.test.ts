import { spawnSync } from 'node:child_process';
import process from 'node:process';
import t from 'tap';

const SEAM = new URL('../../../seams/garbage.ts', import.meta.url).href;
/** Collects at the limits themselves, whatever else the machine does. */
const EXACT = ['--single-threaded-gc', '--no-incremental-marking', '--max-semi-space-size=8', '--expose-gc'];

/** Runs a program in a process of its own. Returns the MiB that it prints, with the bounds and without. */
function mib(program: string): { readonly bounded: number; readonly unbounded: number } {
  const run = (text: string) => {
    const { stdout } = spawnSync(process.execPath, [...EXACT, '--input-type=module', '-e', text], { encoding: 'utf8' });
    return Number(stdout) / 2 ** 20;
  };
  return { bounded: run(`import { boundGarbage } from '${SEAM}'; boundGarbage(); ${program}`), unbounded: run(program) };
}

t.test('dead buffers are freed before they pile up', async (t) => {
  const { bounded, unbounded } = mib(`
    let most = 0;
    for (let at = 0; at < 4096; at += 1) {
      new ArrayBuffer(65536);
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    console.log(most);`);
  t.ok(bounded > 0 && bounded < 16, `${bounded} MiB`);
  t.ok(unbounded > 48, `without the bound: ${unbounded} MiB`);
});

t.test('what outlives a collection and then dies is freed before the heap has doubled', async (t) => {
  const { bounded, unbounded } = mib(`
    const ring = Array.from({ length: 100_000 }, () => new Array(16).fill(0));
    gc();
    let most = 0;
    for (let at = 0; at < 1_000_000; at += 1) {
      ring[at % ring.length] = new Array(16).fill(at);
      if (at % 500 === 0) most = Math.max(most, process.memoryUsage().heapUsed);
    }
    console.log(most);`);
  t.ok(bounded > 0 && bounded < 0.7 * unbounded, `${bounded} MiB, without the bound: ${unbounded} MiB`);
});
