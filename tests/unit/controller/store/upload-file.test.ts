import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { GRACE_MS, MIN_BYTES_PER_S } from '../../../../controller/store/files/minimum-pace.ts';
import { saveUpload } from '../../../../controller/store/files/upload-file.ts';
import type { Disk } from '../../../../seams/disk.ts';
import { systemDisk } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';

const MIB = 1024 * 1024;
const free = { packed: () => accepted(undefined), spooled: () => accepted(undefined) };

/** Writes take no time, so that all that passes is spent on the client. */
const instantDisk: Disk = {
  ...systemDisk,
  open: async () => ({
    size: async () => 0,
    read: async () => new Uint8Array(),
    write: async () => undefined,
    writeDurably: async () => undefined,
    sync: async () => undefined,
    allocate: async () => undefined,
    close: async () => undefined,
  }),
};

async function start(t: Test, claim: Parameters<typeof saveUpload>[3] = free, maxBytes = 64 * MIB, disk = instantDisk) {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-upload-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const path = join(directory, 'upload');
  const clock = new HandClock();
  const body = new Readable({ read() {} });
  const saved = saveUpload(body, path, maxBytes, claim, { disk, clock, turns: { wait: async () => undefined } });
  return { path, clock, body, saved };
}

t.test('a body is written as it came, whatever pieces it came in', async (t) => {
  const { path, body, saved } = await start(t, free, 64 * MIB, systemDisk);
  const pieces = [1, 65_536, 700_000, 3, 262_144, 262_143, 1].map((length, at) => Buffer.alloc(length, at + 1));
  for (const piece of pieces) body.push(piece);
  body.push(null);
  t.same(await saved, accepted(undefined));
  t.ok((await readFile(path)).equals(Buffer.concat(pieces)));
});

t.test('who sends nothing is refused after the grace', async (t) => {
  const { clock, body, saved } = await start(t);
  await clock.advance(GRACE_MS - 1);
  t.equal(body.destroyed, false);
  await clock.advance(1);
  t.match(await saved, { ok: false, refusal: { code: 'REQUEST_TIMEOUT', message: /16 KiB per second/ } });
  t.ok(body.destroyed);
});

t.test('who sends at the least pace is not, for as long as it takes; who falls behind is', async (t) => {
  const { clock, body, saved } = await start(t);
  for (let second = 0; second < 120; second += 1) {
    await clock.advance(1000);
    body.push(Buffer.alloc(MIN_BYTES_PER_S));
  }
  await clock.advance(GRACE_MS - 1);
  t.equal(body.destroyed, false, 'ten seconds behind');
  await clock.advance(1);
  t.match(await saved, { ok: false, refusal: { code: 'REQUEST_TIMEOUT' } });
});

t.test('a trickle gains nothing', async (t) => {
  const { clock, body, saved } = await start(t);
  for (let second = 0; second < 11 && !body.destroyed; second += 1) {
    await clock.advance(1000);
    if (!body.destroyed) body.push(Buffer.from('x'));
  }
  t.match(await saved, { ok: false, refusal: { code: 'REQUEST_TIMEOUT' } });
});

t.test('time that the disk takes is not the client’s', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  const claim = {
    ...free,
    spooled: async () => {
      asked += 1;
      await promise;
      return accepted(undefined);
    },
  };
  const { clock, body, saved } = await start(t, claim);
  body.push(Buffer.alloc(MIB));
  while (asked === 0) await new Promise<void>((next) => setImmediate(next));
  await clock.advance(1_000_000);
  resolve();
  body.push(null);
  t.same(await saved, accepted(undefined));
});

t.test('what is refused ends the upload, and so does a body that is too large or cut off', async (t) => {
  const no = refused('RATE_LIMITED', 'no');
  for (const claim of [
    { ...free, packed: () => no },
    { ...free, spooled: () => no },
  ]) {
    const { body, saved } = await start(t, claim);
    body.push(Buffer.alloc(MIB));
    t.same(await saved, no);
    t.ok(body.destroyed);
  }
  const large = await start(t, free, MIB);
  large.body.push(Buffer.alloc(MIB + 1));
  t.match(await large.saved, { ok: false, refusal: { code: 'PAYLOAD_TOO_LARGE', details: { what: 'packed' } } });
  const cut = await start(t);
  cut.body.destroy(Object.assign(new Error('cut'), { code: 'ECONNABORTED' }));
  await t.rejects(cut.saved, { code: 'ECONNABORTED' });
});
