import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { changeSecret, createSecret, type SealableValue } from '../../../../controller/domain/spaces/commands/secrets.ts';
import { rotateSealing } from '../../../../controller/rotate/rotate-sealing.ts';
import { RESEAL_BATCH, resealingLoop } from '../../../../controller/services/spaces/resealing-loop.ts';
import { NONCE_BYTES, SealingRing, sealingKey } from '../../../../controller/services/spaces/sealing.ts';
import { SecretReader } from '../../../../controller/services/spaces/secret-reader.ts';
import { openSealingKeys, sealingKeysIn } from '../../../../controller/store/files/sealing-keys.ts';
import { type Barriers, noBarriers } from '../../../../seams/barrier.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { type Core, openCore, SPACE, silent } from '../core.ts';
import { loopsOf } from '../loops.ts';

const random = systemRandom;
const thing = { id: 's1', spaceId: SPACE, keyName: 'TOKEN' };
const ringOf = (...ids: string[]) => new SealingRing(ids.map((id) => sealingKey(id, random.bytes(32))));
const nonce = () => random.bytes(NONCE_BYTES);

t.test('a sealed value is opened by its key, for its row, and as it was sealed only', async (t) => {
  const ring = ringOf('1', '2');
  const value = 'grüße 🔑 "$x"';
  const sealed = ring.seal(thing, value, nonce());
  t.equal(sealed.keyId, '2', 'the newest key seals');
  t.equal(ring.open({ ...thing, ...sealed }), value);
  t.equal(ring.open({ ...thing, ...ring.seal(thing, '', nonce()) }), '', 'also an empty one');
  t.not(ring.seal(thing, value, nonce()).sealed, sealed.sealed);
  for (const other of [{ id: 's2' }, { spaceId: 'other' as SpaceId }, { keyName: 'PATH' }, { keyId: '1' }]) {
    t.throws(() => ring.open({ ...thing, ...sealed, ...other }), `not with ${JSON.stringify(other)}`);
  }
  for (const at of [0, 15, -1]) {
    const bytes = Buffer.from(sealed.sealed, 'base64');
    const byte = bytes.at(at) ?? 0;
    bytes[at < 0 ? bytes.length + at : at] = byte ^ 1;
    t.throws(() => ring.open({ ...thing, ...sealed, sealed: bytes.toString('base64') }), `not with byte ${at} changed`);
  }
  t.throws(() => ring.open({ ...thing, ...sealed, sealed: 'AAAA' }), /too short/);
  t.throws(() => ringOf('1').open({ ...thing, ...sealed }), /2 is missing; restore its file/);
});

/** A store with `count` secrets sealed under the keys in a directory of the test's own. */
async function sealedStore(t: Tap, count: number) {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-sealing-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const keys = join(directory, 'keys', 'seal');
  const ring = new SealingRing(await openSealingKeys(keys, random));
  await writeFile(join(directory, 'epoch'), '1\n');
  const core = await openCore({ directory });
  const value = (text: string): SealableValue => ({
    bytes: text.length,
    seal: (one) => ring.seal(one, text, nonce()),
  });
  for (let at = 0; at < count; at += 1) {
    const made = { id: random.uuid(), spaceId: SPACE, keyName: `KEY_${at}`, description: null, value: value(`value ${at}`), user: 'admin' };
    await core.applier.submit(createSecret(made));
  }
  return { directory, keys, ring, core, value };
}
type Tap = { teardown(run: () => unknown): unknown };

const expected = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`KEY_${at}`, `value ${at}`]));

async function openWith(directory: string, core: Core) {
  return new SecretReader(core.store.view, new SealingRing(await sealingKeysIn(directory).read())).of(SPACE).values;
}

t.test('a controller that runs takes up a new key, seals everything anew and removes the old key', async (t) => {
  const count = RESEAL_BATCH * 2 + 3;
  const { keys, ring, core, directory, value } = await sealedStore(t, count);
  t.teardown(() => core.close());
  const version = new SecretReader(core.store.view, ring).version(SPACE);
  const before = core.store.view.secretsIn(SPACE);
  let changed = false;
  const barriers: Barriers = {
    reach(name) {
      if (name !== 'sealing.batch' || changed) return undefined;
      changed = true;
      const [first] = core.store.view.secretsIn(SPACE);
      const id = first?.id ?? '';
      return core.applier.submit(changeSecret(id, { value: value('changed meanwhile') })).then(() => undefined);
    },
  };
  const needs = { applier: core.applier, view: core.store.view, ring, keys: sealingKeysIn(keys), random, log: silent };
  const loops = loopsOf(t);
  resealingLoop({ ...needs, loops, barriers });
  loops.start();
  const rotated = await rotateSealing(directory, { clock: systemClock, random, barriers: noBarriers, limitMs: 20_000 });
  t.equal(rotated.by, 'the running controller');
  t.same(await readdir(keys), [`${rotated.keyId}.key`]);
  t.match(core.store.view.sealingKeyIds(), [rotated.keyId]);
  t.ok(changed);
  t.same(await openWith(keys, core), { ...expected(count), KEY_0: 'changed meanwhile' });
  const after = core.store.view.secretsIn(SPACE);
  t.same(
    after.slice(1).map(({ updatedAt, createdAt }) => ({ updatedAt, createdAt })),
    before.slice(1).map(({ updatedAt, createdAt }) => ({ updatedAt, createdAt })),
    'nothing that anybody sees has changed',
  );
  t.equal(new SecretReader(core.store.view, ring).version(SPACE), version + 1, 'but for what somebody changed');
});

t.test('with no controller it is done at once; ended at any step, nothing is lost, and the next one goes on', async (t) => {
  const count = RESEAL_BATCH + 1;
  for (const step of ['rotate.key_made', 'sealing.batch', 'sealing.resealed']) {
    const { directory, keys, core } = await sealedStore(t, count);
    core.close();
    const barriers: Barriers = {
      reach(name) {
        if (name === step) throw new Error('killed');
        return undefined;
      },
    };
    const options = { clock: systemClock, random, limitMs: 5_000 };
    await t.rejects(rotateSealing(directory, { ...options, barriers }), /killed/);
    const between = await openCore({ directory });
    t.same(await openWith(keys, between), expected(count), `${step}: everything opens`);
    between.close();
    const rotated = await rotateSealing(directory, { ...options, barriers: noBarriers });
    t.equal(rotated.by, 'this program');
    t.same(await readdir(keys), [`${rotated.keyId}.key`], `${step}: one key is left`);
    const after = await openCore({ directory });
    t.same(await openWith(keys, after), expected(count));
    after.close();
  }
});

t.test('a key whose file is gone or readable by others is told, and is not forgotten while it is in memory', async (t) => {
  const { keys, ring, core, directory } = await sealedStore(t, 2);
  t.teardown(() => core.close());
  const told: string[] = [];
  const needs = { applier: core.applier, view: core.store.view, ring, keys: sealingKeysIn(keys), random };
  const running = resealingLoop({
    ...needs,
    loops: loopsOf(t),
    barriers: noBarriers,
    log: { ...silent, error: (event) => told.push(event) },
  });
  const kept = join(directory, 'kept');
  const [file = ''] = await readdir(keys);
  await writeFile(kept, await readFile(join(keys, file)));
  await rm(join(keys, file));
  await running.settled('keys');
  await running.close();
  t.same(told, ['sealing.key_file_missing']);
  t.same(new SecretReader(core.store.view, ring).of(SPACE).values, expected(2));
  await writeFile(join(keys, file), await readFile(kept), { mode: 0o644 });
  await t.rejects(sealingKeysIn(keys).read(), /chmod 600/);
});
