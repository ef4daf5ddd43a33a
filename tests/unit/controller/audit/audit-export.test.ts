import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Attribution } from '../../../../controller/domain/audit/audit.ts';
import { recordAudit } from '../../../../controller/domain/audit/record-audit.ts';
import { AuditExport, type AuditSink } from '../../../../controller/services/audit/audit-export.ts';
import { auditIds } from '../../../../controller/services/audit/audit-service.ts';
import { auditFile } from '../../../../controller/store/files/audit-file.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { HandClock } from '../../hand-clock.ts';
import { openCore, silent } from '../core.ts';
import { loopsOf } from '../loops.ts';

const ids = auditIds(new Uint8Array(32));
const numbered = (at: number): Attribution => ({
  actor: { type: 'ServiceAccount', id: 'a', name: 'ann' },
  ...{ credential: null, address: null, requestId: `request-${at}`, action: 'createSession' },
  thing: { kind: 'sessions', ref: null, space: null },
});

async function rig(t: Test, sink: AuditSink) {
  const core = await openCore();
  const { lists, close } = listsOn(core.store.path);
  const clock = new HandClock();
  const deps = { sink, cursor: core.store.audit, lists, ids, log: silent, metrics: silentMetrics };
  t.teardown(() => {
    close();
    core.close();
  });
  let made = 0;
  return {
    core,
    clock,
    open: () => new AuditExport({ ...deps, loops: loopsOf(t, clock) }),
    async make(count: number) {
      for (let at = 0; at < count; at += 1) {
        made += 1;
        await core.applier.apply(recordAudit(numbered(made), 'ok', 1));
      }
    },
  };
}

/** A sink, and when its next write has ended, well or not. */
function watched(sink: AuditSink): AuditSink & { ended(): Promise<void> } {
  let next = Promise.withResolvers<void>();
  return {
    name: sink.name,
    async write(records) {
      try {
        await sink.write(records);
      } finally {
        setImmediate(next.resolve);
        next = Promise.withResolvers();
      }
    },
    ended: () => next.promise,
  };
}

async function place(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-audit-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const requests = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      try {
        return [String(JSON.parse(line).request_id)];
      } catch {
        return [];
      }
    });
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, at) => `request-${from + at}`);

t.test('records are appended as JSON lines in their order, and a process that is started again goes on', async (t) => {
  const path = join(await place(t), 'audit.jsonl');
  const { open, make, core } = await rig(t, auditFile({ path, maxBytes: 1e9, kept: 3 }));
  await make(1200);
  const first = open();
  await first.close();
  t.same(requests(await readFile(path, 'utf8')), upTo(1200), 'more than a page of them');
  t.equal((await stat(path)).mode & 0o777, 0o600);
  await make(3);
  await open().close();
  await open().close();
  const text = await readFile(path, 'utf8');
  t.same(requests(text), upTo(1203), 'each once');
  t.equal(
    new Set(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).size,
    1203,
    'by an id of its own',
  );
  t.equal(core.store.audit.exported('file'), 1203);
});

t.test('a file that cannot be written costs no record: it goes on from the cursor, with pauses that grow', async (t) => {
  const path = join(await place(t), 'missing', 'audit.jsonl');
  const sink = watched(auditFile({ path, maxBytes: 1e9, kept: 3 }));
  const { open, make, clock, core } = await rig(t, sink);
  const exporter = open();
  await make(5);
  exporter.wake();
  let ended = sink.ended();
  await clock.advance(200);
  await ended;
  t.ok(exporter.isFailing, 'there is no such directory');
  t.equal(core.store.audit.exported('file'), 0);
  await make(5);
  await mkdir(join(path, '..'));
  ended = sink.ended();
  await clock.advance(30_000);
  await ended;
  t.notOk(exporter.isFailing);
  t.same(requests(await readFile(path, 'utf8')), upTo(10));
  await exporter.close();
});

t.test('a line that was cut short by a crash ends before the next one, and its record comes again', async (t) => {
  const path = join(await place(t), 'audit.jsonl');
  const { open, make } = await rig(t, auditFile({ path, maxBytes: 1e9, kept: 3 }));
  await writeFile(path, '{"request_id":"request-1","actor":"an');
  await make(2);
  await open().close();
  t.same(requests(await readFile(path, 'utf8')), upTo(2));
});

t.test('a file that has reached its size is set aside, and the oldest goes', async (t) => {
  const directory = await place(t);
  const path = join(directory, 'audit.jsonl');
  const { open, make } = await rig(t, auditFile({ path, maxBytes: 500, kept: 2 }));
  for (let at = 0; at < 5; at += 1) {
    await make(3);
    await open().close();
  }
  t.same((await readdir(directory)).sort(), ['audit.jsonl', 'audit.jsonl.1', 'audit.jsonl.2']);
  t.same(requests(await readFile(path, 'utf8')), upTo(3, 13));
  t.same(requests(await readFile(`${path}.1`, 'utf8')), upTo(3, 10));
  t.same(requests(await readFile(`${path}.2`, 'utf8')), upTo(3, 7));
});
