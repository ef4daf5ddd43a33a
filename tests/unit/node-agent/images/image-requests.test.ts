import t from 'tap';
import { ImageRequests } from '../../../../node-agent/images/image-requests.ts';

function rig() {
  const asked: string[] = [];
  return { asked, requests: new ImageRequests((session, image) => void asked.push(`${session} ${image}`)) };
}

t.test('an image is asked for once, however many sessions need it, and again on the next stream', async (t) => {
  const { asked, requests } = rig();
  for (const session of ['a', 'b', 'c']) requests.want(session, 'image');
  t.same(asked, ['a image']);
  requests.resend();
  t.same(asked, ['a image', 'a image']);
});

t.test('a session that lacks it at a later attempt asks again, since its first request can have been dropped', async (t) => {
  const { asked, requests } = rig();
  for (const session of ['orphan', 'adopted', 'adopted']) requests.want(session, 'image');
  t.same(asked, ['orphan image', 'adopted image']);
});

t.test('whoever waited is named when the image settles, once', async (t) => {
  const { requests } = rig();
  requests.want('a', 'image');
  requests.want('b', 'image');
  requests.want('c', 'another');
  t.same(requests.settle('image'), ['a', 'b']);
  t.same(requests.settle('image'), []);
});

t.test('a session that is gone keeps nothing', async (t) => {
  const { asked, requests } = rig();
  requests.want('a', 'image');
  requests.forget('a');
  requests.resend();
  t.same(asked, ['a image'], 'and is not asked for again');
});
