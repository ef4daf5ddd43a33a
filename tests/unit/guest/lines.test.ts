import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import t from 'tap';
import { KeptLines } from '../../../guest/logs/kept-lines.ts';
import type { Wanted } from '../../../guest/logs/line-store.ts';
import { LogFiles, MAX_FILE_BYTES, trim } from '../../../guest/logs/log-files.ts';
import { Printed } from '../../../guest/logs/printed.ts';
import type { RunOutput } from '../../../guest/runs/worker-host.ts';
import { systemClock } from '../../../seams/system.ts';

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'raworc-lines-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

let atMs = 0;
const line = (text: string, more: object = {}) => {
  atMs += 1;
  return { runId: 'r', agent: 'a', stream: 'STDOUT' as const, line: text, atMs, ...more };
};
const newest = async (kept: KeptLines, wanted: Partial<Wanted>) =>
  (await kept.newest({ agents: ['a'], limit: 100, matches: () => true, ...wanted })).lines;
const texts = async (kept: KeptLines, limit = 100, stream?: 'STDOUT' | 'STDERR') =>
  (await newest(kept, { limit, matches: (one) => stream === undefined || one.stream === stream })).map((one) => one.line);

t.test('lines are kept with their times, also over a restart, but not for another session', async (t) => {
  const home = directory();
  const kept = new KeptLines(home, 's', systemClock);
  t.same(await texts(kept), []);
  kept.keep(line('one'));
  kept.keep(line('two', { stream: 'STDERR' }));
  kept.keep(line('of another', { agent: 'b' }));
  kept.keep(line('three\n'));
  t.same(await texts(kept), ['one', 'two', 'three\n']);
  t.same(await texts(kept, 2), ['two', 'three\n']);
  t.same(await texts(kept, 100, 'STDERR'), ['two']);
  const next = new KeptLines(home, 's', systemClock);
  next.keep(line('four'));
  t.match(
    (await newest(next, { limit: 2 })).map(({ line, runId }) => [line, runId]),
    [
      ['three\n', 'r'],
      ['four', 'r'],
    ],
  );
  t.same(await texts(new KeptLines(home, 'copy', systemClock)), []);
  t.same(readdirSync(join(home, 'lines')), ['copy']);
});

t.test('stored and returned lines stay within their bounds, newest first', async (t) => {
  const home = directory();
  const kept = new KeptLines(home, 's', systemClock);
  const long = 'x'.repeat(8000);
  for (let number = 0; number < 900; number += 1) {
    kept.keep(line(`${number} ${long}`));
    // As a slow printer: the disk keeps up.
    if (number % 50 === 49) await texts(kept, 1);
  }
  t.same(readdirSync(join(home, 'lines', 's')).sort(), ['a.jsonl', 'a.jsonl.old']);
  const read = await texts(kept, 1000);
  t.ok(read.length > 100 && read.length < 260, `${read.length} lines are no more than an answer may hold`);
  t.equal(read.at(-1)?.startsWith('899 '), true);
});

t.test('the oldest log files are deleted first', async (t) => {
  const logs = join(directory(), 'logs');
  mkdirSync(logs);
  for (const number of [1, 2, 3, 4]) {
    const path = join(logs, `a_${number}_stdout.log`);
    writeFileSync(path, 'x'.repeat(10));
    utimesSync(path, number, number);
  }
  await trim(logs, 3, 1000);
  t.same(readdirSync(logs).sort(), ['a_2_stdout.log', 'a_3_stdout.log', 'a_4_stdout.log']);
  await trim(logs, 3, 25);
  t.same(readdirSync(logs).sort(), ['a_3_stdout.log', 'a_4_stdout.log']);
});

/** Prints as an agent does, in chunks with a number, and resolves when all is on the disk. */
async function print(files: LogFiles, runId: string, bytes: number): Promise<void> {
  const source = new PassThrough();
  const printed = new Printed(source, 'STDOUT');
  printed.begin(files.file('a', runId, 'stdout'), { line: () => undefined } as unknown as RunOutput);
  const chunk = 64 * 1024;
  for (let at = 0; at < bytes / chunk; at += 1) {
    const text = Buffer.from(`${at} `.padEnd(chunk - 1, 'x').concat('\n'));
    if (!source.write(text)) await new Promise((resolve) => source.once('drain', resolve));
  }
  source.end();
  await finished(source);
  printed.end();
}

t.test('the file of a long run is rotated: its newest output stays', async (t) => {
  const logs = join(directory(), 'logs');
  mkdirSync(logs);
  await print(new LogFiles(logs), 'long', 4.5 * MAX_FILE_BYTES);
  const [path, older] = [join(logs, 'a_long_stdout.log'), join(logs, 'a_long_stdout.log.1')];
  const last = (4.5 * MAX_FILE_BYTES) / (64 * 1024) - 1;
  const isThere = () => readFileSync(path, 'latin1').includes(`\n${last} `);
  while (!isThere()) await new Promise((resolve) => setImmediate(resolve));
  t.same(readdirSync(logs).sort(), ['a_long_stdout.log', 'a_long_stdout.log.1']);
  t.equal(statSync(older).size, MAX_FILE_BYTES);
  t.equal(statSync(path).size, MAX_FILE_BYTES / 2, 'the newest half file');
});

t.test('what many runs print stays near the bound of all, however few of them there are', async (t) => {
  const logs = join(directory(), 'logs');
  mkdirSync(logs);
  const files = new LogFiles(logs);
  let most = 0;
  const size = () => readdirSync(logs).reduce((sum, name) => sum + (statSync(join(logs, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  for (let run = 0; run < 14; run += 1) {
    await print(files, `run-${run}`, MAX_FILE_BYTES);
    most = Math.max(most, size());
  }
  const MIB = 1024 * 1024;
  t.ok(most > 64 * MIB && most <= 112 * MIB, `${Math.round(most / MIB)} MiB at most`);
});
