import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { sourceFiles } from '../../../../controller/store/files/source-files.ts';
import { SourceChecker } from '../../../../controller/store/source-check/checker.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock, systemDisk, systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { archiveOf, main } from '../agents/source-archives.ts';
import { silent } from '../core.ts';

const free = { packed: () => accepted(undefined), spooled: () => accepted(undefined) };
const noTurn = async () => undefined;

/** The processes that this one has started. */
const children = (): string[] => readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);
const tasksOf = (child: string): Promise<string[]> => readdir(`/proc/${child}/task`);
const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise<void>((resolve) => setImmediate(resolve));
};

async function start(t: Test, clock = systemClock) {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-checker-'));
  const checker = new SourceChecker({ clock, log: silent, metrics: silentMetrics });
  t.teardown(async () => {
    checker.close();
    await until(() => children().length === 0);
    await rm(directory, { recursive: true });
  });
  const files = await sourceFiles(directory, {
    disk: systemDisk,
    random: systemRandom,
    clock: systemClock,
    checker,
    turns: { wait: async () => undefined },
  });
  const paths = { uploadPath: join(directory, 'upload'), spoolPath: join(directory, 'spool'), packedPath: join(directory, 'packed') };
  return { directory, checker, files, paths };
}

t.test('an archive is checked by a process at the lowest priority that knows nothing of this one’s environment', async (t) => {
  process.env.RAWORC_ADMIN_PASSWORD = 'a secret of the controller';
  const { directory, files } = await start(t);
  const received = await files.receive(Readable.from([await archiveOf([main])]), free, noTurn);
  t.match(received, { ok: true, value: { source: { files: 1, program: { runtime: 'python' } } } });
  const [child = ''] = children();
  t.equal(getPriority(Number(child)), 19);
  for (const task of await tasksOf(child)) t.equal(getPriority(Number(task)), 19);
  const environment = await readFile(`/proc/${child}/environ`, 'utf8');
  t.match(environment, /PATH=/);
  t.notMatch(environment, /RAWORC/);
  t.equal(Number(await readFile(`/proc/${child}/oom_score_adj`, 'utf8')), 800);
  t.same((await readdir(directory)).length, 1, 'neither the upload nor what was unpacked is left');

  const refusedOne = await files.receive(Readable.from([Buffer.from('no gzip')]), free, noTurn);
  t.match(refusedOne, { ok: false, refusal: { code: 'UNPROCESSABLE_ENTITY' } });
  t.same(children(), [child], 'the same process');
  t.same((await readdir(directory)).length, 1);
});

t.test('a check has one thread for its work and one for its garbage, so that another core stays free', async (t) => {
  const { files } = await start(t);
  const bytes = await archiveOf([main, { name: 'data', content: randomBytes(1024 * 1024) }]);
  t.match(await files.receive(Readable.from([bytes]), free, noTurn), { ok: true });
  const [child = ''] = children();
  const names = (await tasksOf(child)).map((task) => readFileSync(`/proc/${child}/task/${task}/comm`, 'utf8').trim());
  const count = (name: string) => names.filter((one) => one === name).length;
  t.same([count('libuv-worker'), count('V8Worker')], [1, 1]);
});

t.test('two checks at once have a process each, and one that dies leaves the other alone', async (t) => {
  const clock = new HandClock();
  const { directory, checker } = await start(t, clock);
  const held = Promise.withResolvers<void>();
  const checks = ['a', 'b'].map(async (name) => {
    const paths = {
      uploadPath: join(directory, name),
      spoolPath: join(directory, `${name}.spool`),
      packedPath: join(directory, `${name}.packed`),
    };
    await writeFile(paths.uploadPath, await archiveOf([main]));
    const asked = Promise.withResolvers<void>();
    const claim = {
      spooled: async () => {
        asked.resolve();
        await held.promise;
        return accepted(undefined);
      },
    };
    return { checked: checker.check(paths, claim), asked: asked.promise };
  });
  const [one, other] = await Promise.all(checks);
  if (one === undefined || other === undefined) throw new Error('two were begun');
  await Promise.all([one.asked, other.asked]);
  const [first = '', second = ''] = children();
  t.equal(children().length, 2);
  process.kill(Number(first), 'SIGKILL');
  await until(() => children().length === 1);
  held.resolve();
  const results = await Promise.all([one.checked, other.checked]);
  t.same(results.map(({ ok }) => ok).toSorted(), [false, true]);
  t.same(children(), [second], 'it waits for the next one');
  await clock.advance(30_000);
  await until(() => children().length === 0);
});

t.test('room on the disk is asked for before it is used, and a refusal is the answer', async (t) => {
  const { directory, files } = await start(t);
  const no = refused('RATE_LIMITED', 'no room');
  let claimed = 0;
  const claim = {
    ...free,
    spooled: (bytes: number) => {
      claimed += bytes;
      return claimed > 4 * 1024 * 1024 ? no : accepted(undefined);
    },
  };
  const zeroes = await archiveOf([main, { name: 'zeroes', content: Buffer.alloc(8 * 1024 * 1024) }]);
  t.same(await files.receive(Readable.from([zeroes]), claim, noTurn), no);
  t.same(await readdir(directory), []);
});

t.test('a process that ends during a check makes the upload unavailable, and the next one has another', async (t) => {
  const { directory, checker, files } = await start(t);
  const bytes = await archiveOf([main]);
  let isKilled = false;
  const claim = {
    ...free,
    spooled: () => {
      const [child] = children();
      if (child !== undefined && !isKilled) process.kill(Number(child), 'SIGKILL');
      isKilled ||= child !== undefined;
      return accepted(undefined);
    },
  };
  t.match(await files.receive(Readable.from([bytes]), claim, noTurn), { ok: false, refusal: { code: 'UNAVAILABLE' } });
  t.ok(isKilled);
  t.same(await readdir(directory), []);
  t.match(await files.receive(Readable.from([bytes]), free, noTurn), { ok: true });
  checker.close();
});

t.test('a check that takes too long is ended, and an idle process too', async (t) => {
  const clock = new HandClock();
  const { checker, paths } = await start(t, clock);
  await writeFile(paths.uploadPath, await archiveOf([main]));
  const held = Promise.withResolvers<ReturnType<typeof accepted<undefined>>>();
  const asked = Promise.withResolvers<void>();
  const slow = checker.check(paths, {
    spooled: () => {
      asked.resolve();
      return held.promise;
    },
  });
  await asked.promise;
  await clock.advance(240_000);
  t.match(await slow, { ok: false, refusal: { code: 'UNAVAILABLE' } });
  held.resolve(accepted(undefined));
  await until(() => children().length === 0);

  t.match(await checker.check(paths, free), { ok: true });
  t.equal(children().length, 1);
  await clock.advance(30_000);
  await until(() => children().length === 0);
});
