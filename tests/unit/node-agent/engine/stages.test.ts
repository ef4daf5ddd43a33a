/** Builds start only from what their own node built, whatever labels other images have. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DockerBuilds, type DockerBuildsDeps } from '../../../../node-agent/engine/docker/builds/docker-builds.ts';
import { OwnImages } from '../../../../node-agent/engine/docker/builds/own-images.ts';
import { testDirectory } from '../../../test-directory.ts';

const LABELS = { 'raworc.image': 'stage', 'raworc.step': '1234' };
const { signal } = new AbortController();

function over(stages: OwnImages, images: readonly { Id: string; Created: number }[]): DockerBuilds {
  const calls = { listImages: async () => [...images] };
  const deps = { clients: { calls, streams: calls, probe: calls }, owner: { clusterId: 'c', nodeId: 'n' }, stages };
  return new DockerBuilds(deps as unknown as DockerBuildsDeps);
}

t.test('an image that was pulled is no stage, although it says so', async (t) => {
  const file = join(testDirectory(t), 'stages');
  const pulled = { Id: 'sha256:pulled', Created: 300 };
  const images = [{ Id: 'sha256:old', Created: 100 }, pulled, { Id: 'sha256:new', Created: 200 }];
  const stages = await OwnImages.open(file);
  t.equal(await over(stages, images).stageWith(LABELS, signal), undefined, 'nothing was built here');
  await Promise.all([stages.add('sha256:old'), stages.add('sha256:new')]);
  t.equal(await over(stages, images).stageWith(LABELS, signal), 'sha256:new');

  const after = await OwnImages.open(file);
  t.equal(await over(after, images).stageWith(LABELS, signal), 'sha256:new', 'the same after a restart');
  await after.keep(new Set(['sha256:old', 'sha256:pulled']));
  t.equal(await over(await OwnImages.open(file), images).stageWith(LABELS, signal), 'sha256:old', 'what is gone is forgotten');
  rmSync(file);
  t.equal(await over(await OwnImages.open(file), images).stageWith(LABELS, signal), undefined, 'a lost file costs only work');
});
