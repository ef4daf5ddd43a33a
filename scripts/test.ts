/**
 * `npm test`: gets what the tests need, then checks types and lint and runs every test. `npm test
 * -- WORD…` runs only the files whose path contains a word; `npm run test:size` only the size
 * tests, in their long form, `npm run test:hosts` only the long tests of many hosts, `npm run
 * test:builds` only the slow builds, and `npm run test:packages` only those of the package on several versions of Node.js. The last line is `N
 * passed, N failed`.
 */
import process from 'node:process';
import { dataDirectory } from './places.ts';
import { runProgram } from './program.ts';
import { print, yellow } from './terminal.ts';
import { alone, buildsFolder, chosenFiles, e2bFolder, hostsFolder, packagesFolder, phases, sizeFolder } from './test/files.ts';
import { runVariable, watchLeftovers } from './test/leftovers.ts';
import { prepareMachine } from './test/machine.ts';
import { runSuite } from './test/suite.ts';
import { stopSignals } from './up/stop-signals.ts';

const programs = {
  busybox: 'busybox-static',
  python3: 'python3',
  ip: 'iproute2',
  nft: 'nftables',
  mke2fs: 'e2fsprogs',
  'systemd-analyze': 'systemd',
  faketime: 'faketime',
};

/** By the flag of the npm script that runs only that folder. */
const longFolders: ReadonlyMap<string | undefined, string> = new Map([
  ['--size', sizeFolder],
  ['--hosts', hostsFolder],
  ['--builds', buildsFolder],
  ['--packages', packagesFolder],
  ['--e2b', e2bFolder],
]);

/** Time limit of each test file, by the folder that runs alone. */
function limitMsOf(long: string | undefined): number {
  if (long === undefined) return 300_000;
  return long === hostsFolder ? 3_600_000 : 1_800_000;
}

runProgram(async (args) => {
  const long = longFolders.get(args[0]);
  const words = long === undefined ? args : args.slice(1);
  const chosen = chosenFiles(long === undefined ? phases : alone(long), words);
  const { first: stop } = stopSignals();
  const dataDir = await dataDirectory();
  const { engine, env: machine } = await prepareMachine(dataDir, programs, stop);
  try {
    const { docker } = engine;
    const run = `${process.pid}-${Date.now()}`;
    const env = {
      [runVariable]: run,
      ...machine,
      // Of a file that sets none: tap's own 30 s are too few for one that shares a slow machine.
      TAP_TIMEOUT: '240',
      ...(long === sizeFolder ? { RAWORC_SIZE: 'long' } : {}),
    };
    const sweep = await watchLeftovers(docker, run);
    return await runSuite({
      phases: chosen,
      withStatics: words.length === 0 && long === undefined,
      dataDir,
      env,
      stop,
      limitMs: limitMsOf(long),
      async cleanUp() {
        for (const left of await sweep()) print(`${yellow('!')} the tests left behind: ${left}\n`);
      },
    });
  } finally {
    await engine.release();
  }
});
