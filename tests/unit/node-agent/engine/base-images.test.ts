/** Copies of base images, over an engine that is played: one that comes back empty. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import t, { type Test } from 'tap';
import { DockerBaseImages } from '../../../../node-agent/engine/docker/images/base-images.ts';
import { testDirectory } from '../../../test-directory.ts';
import { silent } from '../../controller/core.ts';
import { HandClock } from '../../hand-clock.ts';

const TAG = 'raworc/session:1';
const { signal } = new AbortController();

function world(t: Test, { copies = [TAG], loads = true }: { copies?: readonly string[]; loads?: boolean } = {}) {
  const directory = testDirectory(t);
  for (const tag of copies) writeFileSync(join(directory, `${encodeURIComponent(tag)}@${'a'.repeat(64)}.tar.gz`), tag);
  const there = new Set<string>();
  const answers: PassThrough[] = [];
  const begun = new PassThrough({ objectMode: true });
  const docker = {
    getImage: (tag: string) => ({
      async inspect() {
        if (!there.has(tag)) throw Object.assign(new Error('no such image'), { statusCode: 404 });
        return {};
      },
    }),
    async loadImage(file: Readable) {
      const tag = await text(file);
      const answer = new PassThrough();
      answer.on('finish', () => loads && there.add(tag));
      answers.push(answer);
      begun.emit('load');
      return answer;
    },
  };
  const images = new DockerBaseImages({
    ...{ docker: docker as unknown as Docker, directory, clock: new HandClock(), log: silent },
    freeSpace: async () => ({ freeBytes: 2 ** 40, totalBytes: 2 ** 40 }),
  });
  t.teardown(() => images.close());
  return { images, there, answers, loadBegins: () => once(begun, 'load') };
}

t.test('a build that needs an image waits while it is being loaded', async (t) => {
  const { images, answers, loadBegins } = world(t);
  const begins = loadBegins();
  images.look([]);
  await begins;
  const restored = [images.restore(TAG, signal), images.restore(TAG, signal)];
  // Asked later, so that the two have begun by its answer.
  t.equal(await images.restore('another', signal), false);
  await new Promise((resolve) => setImmediate(resolve));
  answers[0]?.end();
  t.same(await Promise.all(restored), [true, true]);
  await images.idle();
  t.equal(answers.length, 1, 'it is loaded once');
});

t.test('a loss that nobody has noticed yet is mended at once, and a late listing does not load it again', async (t) => {
  const { images, answers, loadBegins } = world(t);
  const begins = loadBegins();
  const restored = images.restore(TAG, signal);
  await begins;
  answers[0]?.end();
  t.equal(await restored, true);
  images.look([]);
  await images.idle();
  t.equal(answers.length, 1);
  t.equal(await images.restore(TAG, signal), true, 'it is there');
});

t.test('without a copy, or with a damaged one, there is nothing to wait for', async (t) => {
  t.equal(await world(t, { copies: ['another'] }).images.restore(TAG, signal), false);
  const { images, answers, loadBegins } = world(t, { loads: false });
  const begins = loadBegins();
  const restored = images.restore(TAG, signal);
  await begins;
  answers[0]?.end('{"errorDetail":{"message":"unexpected EOF"}}');
  t.equal(await restored, false);
});

t.test('a caller that gives up leaves the load to the others', async (t) => {
  const { images, answers, loadBegins } = world(t);
  const begins = loadBegins();
  const impatient = new AbortController();
  const left = images.restore(TAG, impatient.signal);
  await begins;
  const stays = images.restore(TAG, signal);
  impatient.abort(new Error('enough'));
  await t.rejects(left, { message: 'enough' });
  answers[0]?.end();
  t.equal(await stays, true);
  t.equal(answers.length, 1);
});
