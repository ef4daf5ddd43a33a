import { chmodSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { RegistryProcess } from '../../../../controller/registry/registry-process.ts';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';

/** A minute of it takes six seconds, which is enough for the program to start. */
const TIMES = 10;
const fastClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * TIMES,
  after: (ms, run) => systemClock.after(ms / TIMES, run),
  soon: (run) => systemClock.soon(run),
};

/** Answers so many requests, and then none. */
const program = (answers: number) => `#!${process.execPath}
let left = ${answers};
process.getBuiltinModule('node:fs').rmSync('registry.sock', { force: true });
process.getBuiltinModule('node:http').createServer((_, answer) => { left -= 1; if (left >= 0) answer.end('{}'); }).listen('registry.sock');
`;

t.setTimeout(120_000);
for (const [how, answers] of [
  ['whose socket is gone', 1_000_000],
  ['that hangs', 3],
] as const)
  t.test(`a registry ${how}, although it runs, is restarted`, async (t) => {
    const directory = testDirectory(t, { program: program(answers), registry: {} });
    chmodSync(join(directory, 'program'), 0o755);
    const events: string[] = [];
    const keep = (event: string) => void events.push(event);
    const log: Log = { debug: keep, info: keep, warn: keep, error: keep };
    let next = Promise.withResolvers<boolean>();
    const changed = (isUp: boolean) => next.resolve(isUp);
    const registry = new RegistryProcess({
      program: join(directory, 'program'),
      directory: join(directory, 'registry'),
      clock: fastClock,
      log,
      metrics: silentMetrics,
      changed,
    });
    t.teardown(() => registry.close());
    await registry.start();
    t.equal(await next.promise, true);
    next = Promise.withResolvers();
    if (how === 'whose socket is gone') await rm(join(directory, 'registry', 'registry.sock'));
    t.equal(await next.promise, false);
    next = Promise.withResolvers();
    t.equal(await next.promise, true);
    t.same([...new Set(events)], ['registry.ready', 'registry.unreachable', 'registry.ended']);
    t.equal(events.at(-1), 'registry.ready');
  });
