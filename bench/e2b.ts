/**
 * Times `true` through E2B's SDK, unmodified, and a bare `bash -l -c true` that a process in the
 * same container starts, in turns; then from `Sandbox.create` to the answer of `node -v`.
 * `npm run bench -- e2b [turns]`.
 */
import { startSandboxes } from '../tests/e2b/docker/sandboxes.ts';
import { loadSdk } from '../tests/e2b/sdks.ts';
import { benchmark } from './figures/benchmark.ts';
import { median, timed } from './figures/figures.ts';

const WARM_UP = 20;
const CREATED = 10;
/** Most milliseconds at the median above the bare shell; beyond, the exit code is 1. */
const GOAL_MS = 10;
/** Starts a shell for each line of its input, and prints how long it took in milliseconds. */
const BARE = `exec python3 -uc '
import subprocess, sys, time
for line in sys.stdin:
    begun = time.perf_counter()
    subprocess.run(["/bin/bash", "-l", "-c", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    print((time.perf_counter() - begun) * 1000)
'`;

const turns = Number(process.argv[2] ?? 200);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

await benchmark(async ({ signal, scope, table, times, goal }) => {
  const { template } = await startSandboxes(scope);
  const { Sandbox } = (await loadSdk('second'))('e2b');
  const sandbox = await Sandbox.create(template, { timeoutMs: 3_600_000 });

  let answered: (ms: number) => void = () => undefined;
  const onStdout = (line: string) => answered(Number(line));
  const helper = await sandbox.commands.run(BARE, { background: true, stdin: true, timeoutMs: 0, onStdout });
  const bare = async (): Promise<number> => {
    const { promise, resolve } = Promise.withResolvers<number>();
    answered = resolve;
    await sandbox.commands.sendStdin(helper.pid, '\n');
    return promise;
  };
  const bySdk = () => sandbox.commands.run('true');

  for (let turn = 0; turn < WARM_UP; turn += 1) {
    await bySdk();
    await bare();
  }
  const all = { sdk: [] as number[], bare: [] as number[], created: [] as number[] };
  for (let turn = 0; turn < turns; turn += 1) {
    signal.throwIfAborted();
    all.sdk.push(await timed(bySdk));
    all.bare.push(await bare());
  }
  for (let turn = 0; turn < CREATED; turn += 1) {
    signal.throwIfAborted();
    let made: { kill(): Promise<boolean> } | undefined;
    all.created.push(
      await timed(async () => {
        const one = await Sandbox.create(template);
        made = one;
        await one.commands.run('node -v');
      }),
    );
    await made?.kill();
  }
  table(`E2B's SDK, ${turns} turns`);
  times("true through E2B's SDK", all.sdk);
  times('bash -l -c true inside', all.bare);
  times(`create → node -v, ${CREATED} times`, all.created);
  goal('above the shell itself, median, ms', median(all.sdk) - median(all.bare), { most: GOAL_MS });
});
