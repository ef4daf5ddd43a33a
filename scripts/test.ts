/**
 * `npm test`: everything the tests need, then types, lint and every test; `npm test -- WORD…` only the files whose path holds
 * a word. The last line is `N passed, N failed`. `npm run test:size`: the size tests alone, in their long form.
 */
import process from 'node:process';
import { Apt } from './machine/apt.ts';
import { type DockerEngine, ensureDocker } from './machine/docker.ts';
import { addToPath, ensureNatsServer, ensurePrograms, ensureRegistry } from './machine/programs.ts';
import { run, tail } from './machine/run.ts';
import { dataDirectory, placeIn, projectRoot } from './places.ts';
import { runProgram } from './program.ts';
import { ensureSessionImage } from './session-image.ts';
import { duration, print, step, yellow } from './terminal.mjs';
import { eachOf, phases, sizeFolder, testFiles } from './test/files.ts';
import { runVariable, watchLeftovers } from './test/leftovers.ts';
import { fileLimitMs, longFileLimitMs, runFile } from './test/run-file.ts';
import { runStatics, staticNames } from './test/statics.ts';
import { Table } from './test/table.ts';
import { Trouble } from './trouble.ts';

const programs = {
  busybox: 'busybox-static',
  python3: 'python3',
  iptables: 'iptables',
  nft: 'nftables',
  ip: 'iproute2',
  debootstrap: 'debootstrap',
  mke2fs: 'e2fsprogs',
};

runProgram(async ([first, ...others]) => {
  const isSize = first === '--size';
  const words = isSize || first === undefined ? others : [first, ...others];
  const startedAt = performance.now();
  const dataDir = dataDirectory();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) process.on(name, () => stop.abort());
  const apt = new Apt(dataDir);
  let engine: DockerEngine | undefined;
  try {
    await step('Programs for the tests', async (progress) => {
      await ensurePrograms(apt, programs, progress);
      addToPath([await ensureNatsServer(apt, progress), await ensureRegistry(apt, progress)]);
    });
    engine = await step('Docker', (progress, note) => ensureDocker(dataDir, apt, progress, note));
    const { docker } = engine;
    const image = await step('Session image', (progress, note) =>
      ensureSessionImage({ docker, dataDir, apt, progress, note, signal: stop.signal }),
    );
    await step('Guest', () => buildGuest(dataDir));
    return await runAll({ words, isSize }, startedAt, { dataDir, engine, image, stop: stop.signal });
  } finally {
    await engine?.release();
  }
});

async function buildGuest(dataDir: string): Promise<void> {
  const logFile = `${placeIn(dataDir, 'logs')}/build-guest.log`;
  const code = await run(process.execPath, ['scripts/build-guest.ts'], { cwd: projectRoot, logFile });
  if (code !== 0) throw new Trouble(`the guest could not be built:\n${tail(logFile, 10)}`, 'see the lines above');
}

interface Machine {
  readonly dataDir: string;
  readonly engine: DockerEngine;
  readonly image: string;
  readonly stop: AbortSignal;
}

interface Selection {
  readonly words: readonly string[];
  /** The size tests in their long form, and no others. */
  readonly isSize: boolean;
}

async function runAll({ words, isSize }: Selection, startedAt: number, machine: Machine): Promise<number> {
  const id = `${process.pid}-${Math.round(startedAt)}`;
  const env = {
    [runVariable]: id,
    RAWORC_BASE_IMAGE_TAG: machine.image,
    DOCKER_API_VERSION: '1.41',
    ...(isSize ? { RAWORC_SIZE: 'long' } : {}),
  };
  const limitMs = isSize ? longFileLimitMs : fileLimitMs;
  const plan = phases
    .filter(({ folder }) => !isSize || folder === sizeFolder)
    .map(({ folder, atOnce }) => ({ files: testFiles(folder, words), atOnce }));
  const files = plan.flatMap((phase) => phase.files);
  if (files.length === 0) throw new Trouble(`no test file’s path holds ${words.join(' or ')}`, 'ls tests/*/*.test.ts');
  const withStatics = words.length === 0 && !isSize;
  const table = new Table([...(withStatics ? staticNames : []), ...files]);
  const leftovers = await watchLeftovers(machine.engine.docker, id);
  try {
    if (withStatics) for (const result of runStatics()) table.add(result);
    for (const { files: some, atOnce } of plan) {
      await eachOf(some, atOnce, async (file) => {
        if (!machine.stop.aborted) table.add(await runFile(file, { dataDir: machine.dataDir, env, limitMs, stop: machine.stop }));
      });
    }
  } finally {
    for (const left of await leftovers.sweep()) print(`${yellow('!')} the tests left behind: ${left}\n`);
  }
  print(`\n${files.length} files in ${duration(performance.now() - startedAt)}${table.skipped > 0 ? `, ${table.skipped} skipped` : ''}\n`);
  if (machine.stop.aborted) print('stopped before the end\n');
  print(`${table.passed} passed, ${table.failed} failed\n`);
  return table.failed === 0 && !machine.stop.aborted ? 0 : 1;
}
