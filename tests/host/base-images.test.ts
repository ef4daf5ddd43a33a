/**
 * A node's base image survives a prune of the engine. Uses its own engine, since everything on it
 * is removed.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import t from 'tap';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { type BaseImage, DockerBaseImages } from '../../node-agent/engine/docker/images/base-images.ts';
import type { Clock } from '../../seams/clock.ts';
import { systemClock, systemFreeSpace } from '../../seams/system.ts';
import { testDirectory } from '../test-directory.ts';
import { makeBusyboxImage } from './busybox.ts';
import { OwnEngine } from './own-engine.ts';

const TAG = `raworc-test-base:${randomUUID().slice(0, 8)}`;
/** A clock whose delays pass at once. */
const settled: Clock = {
  ...systemClock,
  after(_delayMs, run) {
    run();
    return { cancel: () => undefined };
  },
};

t.setTimeout(240_000);
t.test('a base image that the engine lost is loaded again from the node’s copy', async (t) => {
  const engine = new OwnEngine();
  t.teardown(() => engine.close());
  await engine.start();
  await makeBusyboxImage(TAG, { 'raworc.managed': 'true', 'raworc.image': 'base' }, ['-H', `unix://${engine.socket}`]);
  const { streams: docker } = await dockerClients(engine.socket);
  const directory = testDirectory(t);
  const events: string[] = [];
  const note = (event: string) => void events.push(event);
  const log = { debug: note, info: note, warn: note, error: note };
  const images = async (): Promise<BaseImage[]> =>
    (await docker.listImages({ filters: { label: ['raworc.image=base'] } })).map(({ Id, RepoTags, Created }) => ({
      ...{ tag: RepoTags?.[0] ?? '', id: Id, createdAtS: Created },
    }));
  const open = (freeBytes?: number) => {
    const kept = new DockerBaseImages({
      ...{ docker, directory, clock: settled, log },
      freeSpace: freeBytes === undefined ? systemFreeSpace : async () => ({ freeBytes, totalBytes: 2 ** 40 }),
    });
    t.teardown(() => kept.close());
    return kept;
  };
  const look = async (kept: DockerBaseImages) => {
    kept.look(await images());
    await kept.idle();
  };

  const [before] = await images();
  await look(open(1024));
  t.same(readdirSync(directory), [], 'a disk that is nearly full keeps no copy');
  await look(open());
  t.equal(readdirSync(directory).length, 1, 'one copy, nothing half done');

  await engine.docker('system', 'prune', '-a', '-f', '--volumes');
  t.same(await images(), [], 'the engine has removed it');
  const restarted = open();
  await look(restarted);
  const [after] = await images();
  t.equal(after?.id, before?.id, 'the same image, byte for byte');
  t.equal(after?.tag, TAG);
  t.match(events, ['base_image.not_kept', 'base_image.kept', 'base_image.lost', 'base_image.loaded']);
});
