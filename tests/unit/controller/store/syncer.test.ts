import { execFileSync } from 'node:child_process';
import { closeSync, constants, copyFileSync, existsSync, mkdtempSync, openSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { SpaceRow } from '../../../../controller/domain/spaces/rows.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { Reader } from '../../../../controller/store/sqlite/reader/reader.ts';
import { LogSyncer, PATIENCE, type Syncer, SyncPace } from '../../../../controller/store/sqlite/syncs/syncer.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';
import { HandClock } from '../../hand-clock.ts';
import { newSession, openCore, SPACE, silent } from '../core.ts';

/** A disk whose syncs end when the test says so. */
class SlowDisk implements Syncer {
  readonly isApart = true;
  readonly #pending: { resolve(): void; reject(error: Error): void }[] = [];
  #began: (() => void)[] = [];
  asked = 0;
  here = 0;
  /** Whether syncs end by themselves. */
  isQuick = true;

  sync(): Promise<void> {
    this.asked += 1;
    if (this.isQuick) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ resolve, reject });
    for (const told of this.#began.splice(0)) told();
    return promise;
  }

  syncNow(): void {
    this.here += 1;
  }

  /** Resolves once a sync waits. */
  async began(): Promise<void> {
    if (this.#pending.length === 0) await new Promise<void>((resolve) => this.#began.push(resolve));
  }

  end(error?: Error): void {
    const pending = this.#pending.shift();
    if (error === undefined) pending?.resolve();
    else pending?.reject(error);
  }
}

/** No batch ends early because deciding it took long. */
const clock = { ...systemClock, monotonic: () => 0 };

async function coreOn(t: Test, disk: SlowDisk) {
  const core = await openCore({ syncer: disk, clock });
  t.teardown(core.close);
  disk.isQuick = false;
  return core;
}

const spaceRow: SpaceRow = {
  ...{ id: SPACE, name: 'kitchen', description: null, settings: {}, secretsVersion: 1, active: true },
  ...{ createdAt: 1, updatedAt: 1, createdBy: 'admin' },
};

const turn = () => new Promise((resolve) => setImmediate(resolve));
const id = (name: string) => name as SessionId;

t.test('until a commit is on the disk, nobody is answered, told or shown it, and no other begins', async (t) => {
  const disk = new SlowDisk();
  const core = await coreOn(t, disk);
  const told: number[] = [];
  core.applier.onCommitted(({ mutations }) => told.push(mutations.length));
  const answered: string[] = [];
  const ask = (name: string) => core.applier.submit(newSession({ id: id(name) })).then(() => answered.push(name));
  const [one, two] = [ask('one'), ask('two')];
  await disk.began();
  const late = ask('three');
  const before = disk.asked;
  for (let turns = 0; turns < 5; turns += 1) await turn();
  t.same(answered, []);
  t.same(told, []);
  t.equal(disk.asked, before, 'the third waits for its turn');
  t.equal(core.store.view.get('sessions', id('one')), undefined, 'not shown');
  t.ok(core.store.writer.view.get('sessions', id('one')), 'but committed');
  disk.end();
  await Promise.all([one, two]);
  t.same(answered, ['one', 'two']);
  t.equal(told.length, 1);
  t.ok(core.store.view.get('sessions', id('two')));
  await disk.began();
  t.equal(core.store.view.get('sessions', id('three')), undefined);
  disk.end();
  await late;
  t.ok(core.store.view.get('sessions', id('three')));
});

t.test('a disk that refuses a sync ends the process without an answer', async (t) => {
  const disk = new SlowDisk();
  const core = await coreOn(t, disk);
  let isAnswered = false;
  void core.applier.submit(newSession({ id: id('one') })).then(() => {
    isAnswered = true;
  });
  await disk.began();
  disk.end(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
  await turn();
  t.equal(isAnswered, false);
  t.match(core.fatal, [{ name: 'TransactionLost', message: /None of the last batch of commands was answered\. Check the disk/ }]);
  t.match(await core.applier.submit(newSession()), { ok: false, refusal: { code: 'UNAVAILABLE', message: /is stopping/ } });
});

t.test('closing waits for the disk on its own thread, and what ends late changes nothing', async (t) => {
  const disk = new SlowDisk();
  const core = await openCore({ syncer: disk, clock });
  disk.isQuick = false;
  const answers = [core.applier.submit(newSession({ id: id('one') }))];
  await disk.began();
  answers.push(core.applier.submit(newSession({ id: id('two') })));
  core.applier.close();
  t.equal(disk.here, 2);
  for (const name of ['one', 'two']) t.ok(core.store.view.get('sessions', id(name)), name);
  disk.end();
  disk.end();
  t.match(await Promise.all(answers), [{ ok: true }, { ok: true }]);
  t.same(core.fatal, []);
  core.close();
});

t.test('after a power cut, everything that was answered is there', async (t) => {
  const directory = testDirectory(t);
  const image = join(directory, 'image.db');
  const here = mkdtempSync(join(tmpdir(), 'raworc-syncs-'));
  t.teardown(() => rmSync(here, { recursive: true, force: true }));
  /** The files as they are on the disk: what was written later is lost. */
  const keep = () => {
    for (const end of ['', '-wal'])
      if (existsSync(join(here, `raworc.db${end}`))) copyFileSync(join(here, `raworc.db${end}`), `${image}${end}`);
  };
  const syncer: Syncer = {
    isApart: true,
    async sync() {
      await turn();
      keep();
      await turn();
    },
    syncNow: keep,
  };
  const core = await openCore({ directory: here, syncer });
  const answered: SessionId[] = [];
  for (let round = 0; round < 20; round += 1) {
    const names = Array.from({ length: 1 + (round % 4) }, (_, at) => id(`session-${round}-${at}`));
    await Promise.all(
      names.map(async (name) => {
        const made = await core.applier.submit(newSession({ id: name }));
        if (made.ok) answered.push(name);
        // Another commit may be in progress, which the image need not have.
        const cut = new Database(image, { readonly: true });
        const found = cut.prepare('select count(*) as count from sessions where id = ?').get(name);
        cut.close();
        t.same(found, { count: made.ok ? 1 : 0 }, name);
      }),
    );
  }
  t.ok(answered.length >= 40);
  core.close();
});

t.test('what a reading thread saw of a commit waits for the disk too', async (t) => {
  const path = join(testDirectory(t), 'raworc.db');
  const store = await openBareStore(path, 1);
  t.teardown(() => store.close());
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const durable = () => {
    asked.resolve();
    return promise;
  };
  const reader = new Reader({ path, clock: systemClock, log: silent, durable });
  t.teardown(() => reader.close());
  let rows: unknown;
  const read = reader.read([{ sql: 'select 1 as one', parameters: [] }]).then((found) => {
    rows = found;
  });
  await asked.promise;
  await turn();
  t.equal(rows, undefined);
  resolve();
  await read;
  t.same(rows, [[{ one: 1 }]]);
});

/** A syncer of a real database. Calls `ended` when its thread ends. */
async function syncerOn(t: Test, ended: (event: string) => void) {
  const path = join(testDirectory(t), 'raworc.db');
  const store = await openBareStore(path, 1);
  const syncer = new LogSyncer({ path, clock: systemClock, log: { ...silent, error: ended }, metrics: silentMetrics });
  // The thread alone keeps no process alive.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(async () => {
    clearInterval(alive);
    await syncer.close();
    store.close();
  });
  return { path, syncer };
}

t.test('the thread syncs, and this one does while the thread is down', async (t) => {
  const ended: string[] = [];
  const { syncer } = await syncerOn(t, (event) => void ended.push(event));
  await t.rejects(syncer.sync(), /not open/, 'before the start');
  syncer.start();
  for (let syncs = 0; syncs < 3; syncs += 1) {
    const synced = syncer.sync();
    t.ok(syncer.inProgress);
    await synced;
    t.equal(syncer.inProgress, undefined);
  }
  t.same(ended, []);
});

t.test('a thread that ends during a sync leaves it to this one', async (t) => {
  const ended = Promise.withResolvers<string>();
  const { path, syncer } = await syncerOn(t, ended.resolve);
  syncer.start();
  rmSync(`${path}-wal`);
  await syncer.sync();
  t.equal(await ended.promise, 'syncer.ended');
});

t.test('a disk that does not answer is given up', async (t) => {
  const path = join(testDirectory(t), 'raworc.db');
  const store = await openBareStore(path, 1);
  const hand = new HandClock();
  const syncer = new LogSyncer({ path, clock: hand, log: silent, metrics: silentMetrics });
  const pipe = `${path}-pipe`;
  execFileSync('mkfifo', [pipe]);
  syncer.start();
  // The thread cannot open it for as long as nobody writes to it.
  renameSync(pipe, `${path}-wal`);
  t.teardown(async () => {
    const writer = openSync(`${path}-wal`, constants.O_RDWR | constants.O_NONBLOCK);
    await syncer.close();
    closeSync(writer);
    store.close();
  });
  const synced = syncer.sync();
  const refused = t.rejects(synced, { code: 'EIO', message: 'the disk confirmed no write within 60 s' });
  // A process that stood still looks once.
  hand.sleep(PATIENCE.everyMs * PATIENCE.looks);
  await hand.advance(0);
  t.ok(syncer.inProgress);
  await hand.advance(PATIENCE.everyMs * PATIENCE.looks);
  await refused;
  t.equal(syncer.inProgress, undefined);
  t.equal(hand.timers, 0);
});

t.test('commits sync on their own thread once the disk has been quick for a while', async (t) => {
  const pace = new SyncPace();
  const after = (times: number, ms: number) => {
    for (let sync = 0; sync < times; sync += 1) pace.took(ms);
    return pace.isQuick;
  };
  t.notOk(pace.isQuick, 'not at first');
  t.notOk(after(10, 0.3));
  t.ok(after(20, 0.3));
  t.ok(after(1, 4), 'a single slow one changes nothing');
  t.notOk(after(1, 50), 'unless it is very slow');
  t.notOk(after(5, 0.3));
  t.ok(after(20, 0.3));
  t.notOk(after(5, 4), 'several do');
});

t.test('a quick disk is waited for within the commit', async (t) => {
  let syncs = 0;
  const path = join(testDirectory(t), 'raworc.db');
  const syncer: Syncer = {
    isApart: false,
    sync: () => Promise.reject(new Error('not asked')),
    syncNow() {
      syncs += 1;
    },
  };
  const store = await openBareStore(path, 1, { syncer });
  t.teardown(() => store.close());
  for (const description of ['one', 'two']) {
    store.writer.transaction(() => store.writer.apply(put('spaces', { ...spaceRow, description })));
    t.equal(store.writer.sync(), undefined);
    t.equal(store.view.get('spaces', SPACE)?.description, description);
  }
  t.equal(syncs, 2);
});
