import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { testDirectory } from '../../test-directory.ts';
import { assigned, bench, deliver, IMAGE } from './hand-controller.ts';

const S = '00000000-0000-4000-8000-00000000000a';
const OTHER = '00000000-0000-4000-8000-0000000000bb';
const T = '00000000-0000-4000-8000-00000000000b';

t.test('a session is started, answers a message once, and is removed without a trace', async (t) => {
  const { controller, host, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  const inventory = await controller.begin([assigned(S)]);
  t.same(inventory.images, [IMAGE]);
  const running = await controller.phase(S, 'RUNNING');
  t.equal(running.containerId, host.containers.get(S)?.id);
  t.equal(controller.heard('report')[0]?.phase, 'STARTING');

  controller.say(deliver(S, 1, 'hello'));
  const answer = await controller.until('an answer', () => controller.heard('answer')[0]);
  t.match(answer, { sessionId: S, generation: 1, messageId: 'm1', outcome: 'REPLY', content: 'echo: hello' });
  t.match(controller.heard('accepted'), [{ messageId: 'm1', seq: 1 }]);
  t.match(controller.heard('runStarted'), [{ messageId: 'm1', runId: answer.runId }]);
  controller.say({ kind: 'settled', value: { sessionId: S, messageId: 'm1', upToSeq: 0 } });

  controller.say({
    kind: 'assignmentChange',
    value: { setId: 'set', number: 1, assignments: [], tombstones: [{ sessionId: S, upToGeneration: 2 }] },
  });
  const removed = await controller.until('removed', () => controller.heard('removed')[0]);
  t.same(removed, { sessionId: S, upToGeneration: 2 });
  t.equal(host.containers.size + host.volumes.size + (await host.left()).length, 0);
});

t.test('an answer is said again on each new stream until it is settled, stamped with the generation of now', async (t) => {
  const { controller, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(S)]);
  await controller.phase(S, 'RUNNING');
  controller.say(deliver(S, 1, 'hello'));
  await controller.until('an answer', () => controller.heard('answer')[0]);
  controller.hangUp();
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
  const inventory = await controller.begin([assigned(S, 4)]);
  t.match(inventory.sessions, [{ sessionId: S, phase: 'RUNNING', acceptedSeq: 1 }]);
  const again = await controller.until('the answer again', () => controller.heard('answer')[0]);
  t.match(again, { messageId: 'm1', generation: 4 });
  controller.say({ kind: 'settled', value: { sessionId: S, messageId: 'm1', upToSeq: 0 } });
  controller.hangUp();
  await controller.until('a third stream', () => (controller.dials === 3 ? true : undefined));
  await controller.begin([assigned(S, 4)]);
  controller.say(deliver(S, 2, 'and now'));
  await controller.until('the next answer', () => controller.heard('answer').find(({ messageId }) => messageId === 'm2'));
  t.same(
    controller.heard('answer').map(({ messageId }) => messageId),
    ['m2'],
    'what was settled is not said again',
  );
});

t.test('a restarted node agent adopts what runs and starts nothing before the controller has spoken', async (t) => {
  const { controller, host, start } = bench(testDirectory(t));
  const first = await start();
  await controller.begin([assigned(S), assigned(T)]);
  await controller.phase(S, 'RUNNING');
  await controller.phase(T, 'RUNNING');
  await first.close();
  const id = host.containers.get(S)?.id;
  host.end(T);

  const second = await start();
  t.teardown(() => second.close());
  const inventory = await controller.until('an inventory', () => controller.heard('inventory')[0]);
  t.match(
    inventory.sessions.toSorted((a, b) => a.sessionId.localeCompare(b.sessionId)),
    [
      { sessionId: S, phase: 'RUNNING', containerId: id, boot: 2 },
      { sessionId: T, phase: 'STARTING', boot: 2 },
    ],
  );
  t.equal(host.containers.get(T)?.state, 'exited', 'an old ledger starts nothing');
  await controller.begin([assigned(S), assigned(T)]);
  await controller.phase(T, 'RUNNING');
  t.equal(host.containers.get(S)?.id, id, 'the container that ran was not touched');
});

t.test('what is not assigned any more stays, and is listed as an orphan', async (t) => {
  const { controller, host, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(S)]);
  await controller.phase(S, 'RUNNING');
  controller.hangUp();
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
  await controller.begin([]);
  // A stream that ends first never told it.
  await controller.until('the empty set taken in', () => controller.heard('setPartTaken')[0]);
  controller.hangUp();
  await controller.until('a third stream', () => (controller.dials === 3 ? true : undefined));
  const inventory = await controller.begin([]);
  const [orphan, ...others] = inventory.orphans;
  t.same(others, []);
  t.match(orphan, { sessionId: S, generation: 1, volume: `raworc_session_data_${S}`, space: 'default', image: IMAGE });
  t.equal(orphan?.containerId, host.containers.get(S)?.id);
  t.same(inventory.sessions, []);
  t.equal(host.containers.get(S)?.state, 'running');
});

t.test('a container that ends or is lost is made anew on its volume; a lost volume is a failure', async (t) => {
  const { controller, host, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(S)]);
  await controller.phase(S, 'RUNNING');
  const volume = host.volumes.get(S);
  host.end(S);
  await controller.until('running again', () =>
    controller.heard('report').filter(({ phase }) => phase === 'RUNNING').length === 2 ? true : undefined,
  );
  t.equal(host.volumes.get(S), volume);
  host.loseVolume(S);
  host.lose(S);
  const failed = await controller.phase(S, 'FAILED');
  t.match(failed.reason, /volume/);
  t.equal(host.volumes.size, 0, 'no new empty one was made');
});

t.test('sessions whose image is not here wait, and their controller is asked for it', async (t) => {
  const { controller, host, start } = bench(testDirectory(t), { images: [] });
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(S), assigned(OTHER)]);
  t.match(await controller.until('a question', () => controller.heard('imageMissing')[0]), { image: IMAGE });
  host.addImage(IMAGE);
  await controller.phase(S, 'RUNNING');
  await controller.phase(OTHER, 'RUNNING');
  t.same(
    controller.heard('report').filter(({ phase }) => phase === 'FAILED'),
    [],
    'neither has failed meanwhile',
  );
});

t.test('a session whose image nothing can bring back fails with the reason, and starts at the next generation', async (t) => {
  const { controller, host, start } = bench(testDirectory(t), { images: [] });
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(S)]);
  await controller.until('a question', () => controller.heard('imageMissing')[0]);
  controller.say({ kind: 'imageGone', value: { image: IMAGE, reason: 'No build makes it.' } });
  t.equal((await controller.phase(S, 'FAILED')).reason, 'No build makes it.');
  host.addImage(IMAGE);
  t.same((await controller.until('its images', () => controller.heard('images')[0])).images, [IMAGE]);
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [assigned(S, 2)], tombstones: [] } });
  t.equal((await controller.phase(S, 'RUNNING')).generation, 2);
});

t.test('a node asks again on its next stream for the image that it still lacks', async (t) => {
  const { controller, start } = bench(testDirectory(t), { images: [] });
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(S)]);
  await controller.until('a question', () => controller.heard('imageMissing')[0]);
  controller.hangUp();
  await controller.until('a second stream', () => (controller.dials === 2 ? true : undefined));
  await controller.begin([assigned(S)]);
  t.match(await controller.until('the question again', () => controller.heard('imageMissing')[0]), { sessionId: S, image: IMAGE });
});

t.test('a session that was removed while a create was under way leaves nothing', async (t) => {
  let creating: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    creating = resolve;
  });
  const { controller, host, start } = bench(testDirectory(t), {
    callMs: (call) => (call === 'createContainer' ? 30 : 0),
  });
  const create = host.createContainer.bind(host);
  host.createContainer = (plan, signal) => {
    creating();
    return create(plan, signal);
  };
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(S)]);
  await begun;
  controller.say({
    kind: 'assignmentChange',
    value: { setId: 'set', number: 1, assignments: [], tombstones: [{ sessionId: S, upToGeneration: 1 }] },
  });
  await controller.until('removed', () => controller.heard('removed')[0]);
  t.equal(host.containers.size + host.volumes.size, 0);
  t.same(
    controller.heard('report').map(({ phase }) => phase),
    ['STARTING'],
  );
});

t.test('a tombstone that the controller still carries is answered again after it was carried out', async (t) => {
  const { controller, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  const tombstones = [{ sessionId: S, upToGeneration: 3 }];
  await controller.begin([], tombstones);
  await controller.until('removed', () => controller.heard('removed')[0]);
  controller.hangUp();
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
  t.same((await controller.begin([], tombstones)).tombstones, []);
  t.same(await controller.until('removed again', () => controller.heard('removed')[0]), tombstones[0]);
});

t.test('a removal that is asked for again is answered though the engine fails meanwhile', async (t) => {
  const { controller, host, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  const tombstones = [{ sessionId: S, upToGeneration: 3 }];
  await controller.begin([], tombstones);
  await controller.until('removed', () => controller.heard('removed')[0]);
  controller.hangUp();
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
  const observe = host.observe.bind(host);
  let failures = 1;
  host.observe = (...call) => (failures-- > 0 ? Promise.reject(new Error('the engine failed')) : observe(...call));
  await controller.begin([], tombstones);
  t.same(await controller.until('removed again', () => controller.heard('removed')[0]), tombstones[0]);
});

t.test('a change that does not follow ends the stream', async (t) => {
  const { controller, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([]);
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 2, assignments: [], tombstones: [] } });
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
});

t.test('a stream whose heartbeats are not answered is given up when the lease is over', async (t) => {
  const { controller, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  await controller.until('an inventory', () => controller.heard('inventory')[0]);
  controller.welcome(10, 60);
  await controller.until('a heartbeat', () => controller.heard('heartbeat')[2]);
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
});

t.test('a shutdown removes containers, keeps volumes and what should be, and says so', async (t) => {
  const { controller, host, start } = bench(testDirectory(t));
  const node = await start();
  await controller.begin([assigned(S)]);
  await controller.phase(S, 'RUNNING');
  controller.say({ kind: 'shutdown', value: { graceMs: 1000 } });
  await controller.until('its end', () => controller.heard('shutdownDone')[0]);
  t.same(await node.ended, { why: 'shutdown' });
  await node.close();
  t.same([host.containers.size, host.volumes.size], [0, 1]);

  const next = await start();
  t.teardown(() => next.close());
  const inventory = await controller.begin([assigned(S, 1, 'DESIRED_RUNNING', true)]);
  t.match(inventory.sessions, [{ sessionId: S, phase: 'STARTING', generation: 1 }]);
  await controller.phase(S, 'RUNNING');
});

t.test('a removal waits for a create of which nobody knows how it ended, and removes what it made', async (t) => {
  let killed = true;
  const creates: string[] = [];
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const { controller, host, start } = bench(testDirectory(t), {
    fault: (call) => {
      if (call !== 'createContainer') return;
      creates.push(call);
      begin();
      if (killed) throw new Error('the process is gone');
    },
  });
  const first = await start();
  await controller.begin([assigned(S)]);
  await begun;
  await first.close();
  killed = false;
  creates.length = 0;

  const second = await start();
  t.teardown(() => second.close());
  await controller.begin([], [{ sessionId: S, upToGeneration: 1 }]);
  await controller.until('removed', () => controller.heard('removed')[0]);
  t.equal(creates.length, 1, 'made again under its name, to be sure');
  t.same([host.containers.size, host.volumes.size], [0, 0]);
  t.same(controller.heard('report'), []);
});

t.test('an image is built from what the controller hands out, and only if that is what was announced', async (t) => {
  const { controller, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin();
  const pack = tar.pack();
  pack.entry({ name: 'main.py' }, 'pass');
  pack.finalize();
  const bytes = gzipSync(await buffer(pack));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  controller.sources.set(digest, bytes).set('sha256:other', bytes).set('sha256:junk', new Uint8Array(100));
  const spec = {
    name: 'a',
    runtime: 'PYTHON',
    handler: 'main.process_message',
    idempotent: false,
    timeoutS: 0,
    memoryBytes: 0,
    concurrency: 0,
  } as const;
  const build = async (buildId: string, source: string) => {
    const agents = [{ spec, digest: source }];
    controller.say({
      kind: 'build',
      value: {
        buildId,
        space: 'default',
        image: `raworc_space_default:${buildId}`,
        baseImage: IMAGE,
        agents,
        logTicket: '',
        repositories: [],
      },
    });
    return controller.until(`the end of ${buildId}`, () =>
      controller.heard('build').find((report) => report.buildId === buildId && report.phase !== 'BUILD_BUILDING'),
    );
  };
  t.match(await build('b1', digest), { phase: 'BUILD_COMPLETED', error: '' });
  t.ok((await controller.until('its images', () => controller.heard('images')[0])).images.includes('raworc_space_default:b1'));
  t.match(await build('b2', 'sha256:other'), { phase: 'BUILD_FAILED', error: /digest/ });
  t.match(await build('b3', 'sha256:junk'), { phase: 'BUILD_FAILED', error: /cannot be read/ });
  t.match(await build('b4', 'sha256:none'), { phase: 'BUILD_FAILED', error: /unknown source/ });
});
