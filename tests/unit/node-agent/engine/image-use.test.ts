import t from 'tap';
import { bytesOf } from '../../../../node-agent/engine/docker/images/image-use.ts';

const base = (Size: number) => ({ Size, Labels: { 'raworc.image': 'base' } });
const space = (Size: number) => ({ Size, Labels: { 'raworc.image': 'space' } });

t.test('layers that images of spaces share with a base image count once', async (t) => {
  t.equal(bytesOf([]), 0);
  t.equal(bytesOf([base(500), space(510), space(520)]), 530);
  t.equal(bytesOf([base(500), base(600), space(605)]), 1105);
  t.equal(bytesOf([space(510)]), 510, 'its base image is not here');
});
