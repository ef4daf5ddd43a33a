import type Docker from 'dockerode';
import t from 'tap';
import { listedTags } from '../../../../node-agent/engine/docker/images/images.ts';
import { MAX_IMAGES } from '../../../../proto/frame-bounds.ts';

const image = (tag: string, Created: number, kind = 'space') =>
  ({ RepoTags: [tag], Created, Labels: { 'raworc.image': kind } }) as unknown as Docker.ImageInfo;

t.test('of more images than a stream takes, the base images and the newest are listed', async (t) => {
  const base = image('base', 0, 'base');
  const spaces = Array.from({ length: MAX_IMAGES + 5 }, (_, at) => image(`space:${at + 1}`, at + 1));
  const tags = listedTags([...spaces.slice(7), base, ...spaces.slice(0, 7)]);
  t.equal(tags.length, MAX_IMAGES);
  t.equal(tags[0], 'base');
  t.equal(tags[1], `space:${MAX_IMAGES + 5}`);
  t.equal(tags.at(-1), 'space:7');
  t.same(new Set(listedTags([...spaces.slice(0, 3), base])), new Set(['base', 'space:1', 'space:2', 'space:3']), 'few are all listed');
});
