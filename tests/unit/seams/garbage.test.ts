import { spawnSync } from 'node:child_process';
import process from 'node:process';
import t from 'tap';

const SEAM = new URL('../../../seams/garbage.ts', import.meta.url).href;
/** Collects at the limits themselves, whatever else the machine does. */
const EXACT = ['--single-threaded-gc', '--no-incremental-marking', '--expose-gc'];

/**
 * Runs a program in a process of its own. Returns the MiB that it prints, with the bounds (also after a stream that has ended) and
 * without.
 */
function mib(program: string): { readonly bounded: number; readonly unbounded: number } {
  const run = (text: string) => {
    const { stdout } = spawnSync(process.execPath, [...EXACT, '--max-semi-space-size=8', '--input-type=module', '-e', text], {
      encoding: 'utf8',
    });
    return Number(stdout) / 2 ** 20;
  };
  return {
    bounded: run(`import { boundGarbage, streamOpened } from '${SEAM}'; boundGarbage(); streamOpened()(); ${program}`),
    unbounded: run(program),
  };
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

t.test('objects that survive a collection and then die are freed before the heap has doubled', async (t) => {
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

t.test('the bytes of streams do not cause full collections', (t) => {
  // 4 MiB wait for slow readers.
  const program = `
    import { PerformanceObserver } from 'node:perf_hooks';
    import { streamOpened } from '${SEAM}';
    const heap = Array.from({ length: 200_000 }, () => new Array(16).fill(0));
    gc();
    const FULL = 4;
    const counted = [];
    new PerformanceObserver((list) => counted.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
    const pass = async () => {
      counted.length = 0;
      const waiting = [];
      for (let at = 0; at < 8192; at += 1) {
        waiting.push(Buffer.allocUnsafeSlow(65536));
        if (waiting.length > 64) waiting.shift();
        if (at % 64 === 0) await new Promise(setImmediate);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      return counted.filter(({ detail }) => detail.kind === FULL).length;
    };
    const before = await pass();
    streamOpened();
    console.log(JSON.stringify({ before, during: await pass(), heap: heap.length }));`;
  const { stdout, stderr } = spawnSync(process.execPath, [...EXACT, '--input-type=module', '-e', program], { encoding: 'utf8' });
  t.equal(stderr, '');
  const { before, during } = JSON.parse(stdout);
  t.ok(before > 2 * during, `full collections without a stream: ${before}, during one: ${during}`);
  t.end();
});
