/** Builds on a node whose engine has lost the base image, over an engine that is played. */
import t from 'tap';
import type { Driver } from '../../../../node-agent/engine/driver.ts';
import { Builder } from '../../../../node-agent/images/builder.ts';
import type { BuildReport__Output as BuildReport } from '../../../../proto/generated/raworc/node/v0/BuildReport.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { silent } from '../../controller/core.ts';
import { HandClock } from '../../hand-clock.ts';

const BUILD = {
  buildId: 'b1',
  space: 'default',
  image: 'raworc_space_default:b1',
  baseImage: 'base',
  agents: [],
  logTicket: '',
  repositories: [],
};

function world(restoreImage?: Driver['restoreImage'], refusal: () => string | undefined = () => undefined) {
  const there = new Set<string>();
  const reports: BuildReport[] = [];
  const waiting: (() => void)[] = [];
  const clock = new HandClock();
  const driver: Pick<Driver, 'inspectImage' | 'buildImage' | 'restoreImage'> = {
    inspectImage: async (tag) => (there.has(tag) ? { id: `sha256:${tag}`, labels: {} } : undefined),
    async buildImage({ image, context }) {
      for await (const _ of context);
      there.add(image);
      return { ok: true, imageId: 'sha256:built' };
    },
    ...(restoreImage && { restoreImage }),
  };
  const builder = new Builder({
    ...{ driver: driver as Driver, clock, random: systemRandom, log: silent, refusal },
    dialer: {} as ConstructorParameters<typeof Builder>[0]['dialer'],
    report(report) {
      reports.push(report);
      for (const look of waiting.splice(0)) look();
    },
  });
  const end = async () => {
    while (reports.at(-1)?.phase === 'BUILD_BUILDING') await new Promise<void>((resolve) => waiting.push(resolve));
    return reports.at(-1);
  };
  return { builder, there, reports, clock, end };
}

t.test('a build waits until the node’s copy of its base image is loaded', async (t) => {
  const loaded = Promise.withResolvers<boolean>();
  const asked = Promise.withResolvers<string>();
  const { builder, there, reports, end } = world((tag) => {
    asked.resolve(tag);
    return loaded.promise;
  });
  builder.assign(BUILD);
  t.equal(await asked.promise, 'base');
  t.match(reports, [{ phase: 'BUILD_BUILDING' }]);
  t.equal(reports.length, 1, 'it has not failed meanwhile');
  there.add('base');
  loaded.resolve(true);
  t.match(await end(), { phase: 'BUILD_COMPLETED', imageId: 'sha256:built', error: '', baseImageMissing: false });
});

t.test('a build without a base image or a usable copy says that this is the reason', async (t) => {
  const lacking = { phase: 'BUILD_FAILED', error: 'The base image base is not on this node.', baseImageMissing: true };
  const damaged = async () => {
    throw new Error('unexpected EOF');
  };
  for (const restoreImage of [undefined, async () => false, async () => true, damaged]) {
    const { builder, end, reports } = world(restoreImage);
    builder.assign(BUILD);
    t.match(await end(), lacking);
    builder.resend();
    t.equal(reports.length, 2, 'which can be untrue on the next stream');
  }
});

t.test('the wait for a copy ends with the limit of the build, and with the node agent', async (t) => {
  const hanging: Driver['restoreImage'] = (_tag, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const slow = world(hanging);
  slow.builder.assign(BUILD);
  await slow.clock.advance(11 * 60_000);
  t.match(await slow.end(), { phase: 'BUILD_FAILED', error: /it took longer than 10 minutes\.$/, baseImageMissing: false });
  const closing = world(hanging);
  closing.builder.assign(BUILD);
  await new Promise((resolve) => setImmediate(resolve));
  await closing.builder.close();
  t.equal(closing.reports.length, 1, 'nothing is reported after the end');
});

t.test('a node that accepts no builds says that it is for now, and builds when asked again', async (t) => {
  let refusal: string | undefined = 'The disk is nearly full.';
  const { builder, there, end, reports } = world(undefined, () => refusal);
  there.add('base');
  builder.assign(BUILD);
  t.match(await end(), { phase: 'BUILD_FAILED', error: /The disk is nearly full/, refusedNow: true });
  builder.resend();
  t.equal(reports.length, 2, 'not repeated on a new stream');
  refusal = undefined;
  builder.assign(BUILD);
  t.match(await end(), { phase: 'BUILD_COMPLETED', refusedNow: false });
});

/** An engine whose builds run until they are ended or interrupted. */
function slow() {
  const running = new Map<string, () => void>();
  const reports: BuildReport[] = [];
  const removed: string[] = [];
  let begins = 0;
  let working = 0;
  const waiting: (() => void)[] = [];
  const look = () => {
    for (const one of waiting.splice(0)) one();
  };
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const driver: Pick<Driver, 'inspectImage' | 'buildImage' | 'removeImage'> = {
    inspectImage: async (tag) => (tag === 'base' ? { id: 'sha256:base', labels: {} } : undefined),
    async buildImage({ image, context }, signal) {
      for await (const _ of context);
      begins += 1;
      working += 1;
      look();
      try {
        await new Promise<void>((resolve, reject) => {
          running.set(image, resolve);
          signal.addEventListener('abort', () => reject(signal.reason));
        });
        return { ok: true, imageId: `sha256:${image}` };
      } finally {
        working -= 1;
        look();
      }
    },
    async removeImage(image) {
      removed.push(image);
      look();
      return 'removed';
    },
  };
  const builder = new Builder({
    ...{ driver: driver as Driver, clock: new HandClock(), random: systemRandom, log: silent, refusal: () => undefined },
    dialer: {} as ConstructorParameters<typeof Builder>[0]['dialer'],
    report(report) {
      reports.push(report);
      look();
    },
  });
  return {
    ...{ builder, reports, removed },
    begun: (count: number) => until(() => begins >= count),
    end: (buildId: string) => running.get(`image:${buildId}`)?.(),
    async idle() {
      await until(() => working === 0);
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

t.test('a cancelled build is interrupted, leaves no image, and its place is free', async (t) => {
  const { builder, reports, removed, begun, end, idle } = slow();
  for (const buildId of ['a', 'b', 'c', 'd', 'e']) builder.assign({ ...BUILD, buildId, image: `image:${buildId}` });
  await begun(4);
  builder.cancel('e', 'image:e');
  builder.cancel('a', 'image:a');
  builder.assign({ ...BUILD, buildId: 'f', image: 'image:f' });
  await begun(5);
  t.notOk(builder.uses('image:a'));
  for (const buildId of ['b', 'c', 'd', 'f']) end(buildId);
  await idle();
  t.same(removed.toSorted(), ['image:a', 'image:e']);
  const ended = reports.filter(({ phase }) => phase === 'BUILD_COMPLETED').map(({ buildId }) => buildId);
  t.same(ended.toSorted(), ['b', 'c', 'd', 'f'], 'nothing is said of what was cancelled');
  reports.length = 0;
  builder.resend();
  t.notOk(reports.some(({ buildId }) => buildId === 'a' || buildId === 'e'));
});

t.test('a cancellation that comes after the end removes the image', async (t) => {
  const { builder, removed, begun, end, idle, reports } = slow();
  builder.assign({ ...BUILD, buildId: 'a', image: 'image:a' });
  await begun(1);
  end('a');
  await idle();
  builder.cancel('a', 'image:a');
  builder.cancel('a', 'image:a');
  await idle();
  t.same(removed, ['image:a']);
  reports.length = 0;
  builder.resend();
  t.same(reports, [], 'it is forgotten');
  builder.cancel('unknown', '');
});

t.test('builds end when the lease is lost, and begin again when they are assigned again', async (t) => {
  const { builder, begun, end, idle, reports, removed } = slow();
  builder.assign({ ...BUILD, buildId: 'a', image: 'image:a' });
  await begun(1);
  builder.leaseLost();
  builder.assign({ ...BUILD, buildId: 'a', image: 'image:a' });
  await begun(2);
  end('a');
  await idle();
  t.equal(reports.filter(({ phase }) => phase === 'BUILD_COMPLETED').length, 1);
  t.same(removed, [], 'the image can be another node’s too');
});
