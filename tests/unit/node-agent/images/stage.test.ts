/** Dependencies of many agents are installed one after another, over an engine that is played. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { UNWATCHED } from '../../../../node-agent/builds/progress.ts';
import type { BuildEngine, FoundStage, JobEnd } from '../../../../node-agent/engine/build-engine.ts';
import { stageOf } from '../../../../node-agent/images/stage.ts';

const { signal } = new AbortController();

async function archive(files: Readonly<Record<string, string>>, isPacked: boolean): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name }, content);
  pack.finalize();
  const whole = await buffer(pack);
  return isPacked ? gzipSync(whole) : whole;
}

const stageImage = (imageId: string, keys: readonly string[], layers = keys.length): FoundStage => ({
  imageId,
  labels: {
    'raworc.image': 'dependencies',
    'raworc.installed': keys.map((key) => `key-of-${key}`).join(' '),
    'raworc.layers': String(layers),
  },
});

/** An engine that installs `installed` for each agent; undefined: the installation fails. */
async function rig(
  agents: readonly string[],
  installed: (at: number) => Readonly<Record<string, string>> | undefined,
  known: readonly FoundStage[] = [],
) {
  const source = await archive({ 'requirements.txt': 'x\n' }, true);
  const digest = `sha256:${createHash('sha256').update(source).digest('hex')}`;
  let [started, open, most] = [0, 0, 0];
  let context: Buffer | undefined;
  const engine: Omit<BuildEngine, 'npmVersion' | 'name' | 'keepBuilder' | 'baseImage' | 'takesDockerfiles' | 'tidy' | 'sweep'> = {
    marks: {},
    async start({ input }) {
      const files = installed(started);
      started += 1;
      open += 1;
      most = Math.max(most, open);
      for await (const _ of input);
      const output = files === undefined ? Buffer.alloc(0) : await archive(files, false);
      return {
        output: (async function* () {
          yield output;
        })(),
        began: Promise.resolve(files !== undefined),
        ended: Promise.resolve<JobEnd>({ code: files === undefined ? 1 : 0, lastLines: 'No such package.' }),
        async close() {
          open -= 1;
        },
      };
    },
    async stage(plan) {
      context = await buffer(plan.context);
      return { ok: true, imageId: 'sha256:stage' };
    },
    discard: async () => undefined,
    stageWith: async () => undefined,
    stages: async () => known,
  };
  const dependencies = { installer: 'pip', directory: '.venv', inputs: ['requirements.txt'] } as const;
  const stage = stageOf(
    engine as BuildEngine,
    {
      ...{ buildId: 'b', space: 's', baseImage: 'base', baseImageId: 'sha256:base', progress: UNWATCHED },
      installations: agents.map((agent) => ({ agent, digest, key: `key-of-${agent}`, dependencies })),
      fetch: async function* () {
        yield source;
      },
    },
    signal,
  );
  return { stage, seen: () => ({ started, open, most }), context: () => context };
}

t.test('one agent after another', async (t) => {
  const { stage, seen, context } = await rig(['a', 'b', 'c'], (at) => ({ [`./file-${at}`]: 'content' }));
  t.match(await stage, { imageId: 'sha256:stage', installed: 3 });
  t.same(seen(), { started: 3, open: 0, most: 1 });
  const text = context()?.toString('latin1') ?? '';
  for (const [at, key] of ['a', 'b', 'c'].entries()) t.ok(text.includes(`deps/key-of-${key}/file-${at}`));
});

t.test('a failure says why, and no other installation begins', async (t) => {
  const { stage, seen } = await rig(['a', 'b', 'c'], (at) => (at === 1 ? undefined : { './x': '' }));
  await t.rejects(stage, { name: 'BadSource', message: /pip install .* failed for the agent b: exit code 1.*\n?.*No such package/s });
  t.same(seen(), { started: 2, open: 0, most: 1 });
});

const installs = (at: number) => ({ [`./file-${at}`]: 'content' });

t.test('a build starts from the image with most of its dependencies, and copies from others', async (t) => {
  const known = [
    stageImage('sha256:more', ['a', 'b', 'c', 'secret']),
    stageImage('sha256:two', ['b', 'a']),
    stageImage('sha256:one', ['a']),
  ];
  const { stage, seen, context } = await rig(['a', 'b', 'c', 'd'], installs, known);
  t.match(await stage, { imageId: 'sha256:stage', installed: 1 });
  t.equal(seen().started, 1);
  const dockerfile = context()?.toString('latin1') ?? '';
  t.match(dockerfile, /FROM sha256:two\nLABEL /);
  t.match(
    dockerfile,
    /\nCOPY --from=sha256:more \/opt\/raworc\/deps\/key-of-c \/opt\/raworc\/deps\/key-of-c\nCOPY deps \/opt\/raworc\/deps\n/,
  );
  t.match(dockerfile, 'raworc.installed="key-of-a key-of-b key-of-c key-of-d" raworc.layers="4"');
});

t.test('an image with exactly the dependencies is used as it is', async (t) => {
  const { stage, seen } = await rig(['b', 'a'], installs, [
    stageImage('sha256:more', ['a', 'b', 'c']),
    stageImage('sha256:same', ['a', 'b']),
  ]);
  t.match(await stage, { imageId: 'sha256:same', installed: 0 });
  t.equal(seen().started, 0);
});

t.test('layers are bounded: what no further one can hold is installed with the rest', async (t) => {
  const agents = Array.from({ length: 70 }, (_, n) => `agent-${n}`);
  const known = agents.map((agent) => stageImage(`sha256:${agent}`, [agent]));
  const { stage, context } = await rig(agents, installs, known);
  t.match(await stage, { installed: 11 });
  t.equal(context()?.toString('latin1').split('COPY --from=').length, 59);
  const full = await rig(['a', 'b'], installs, [stageImage('sha256:deep', ['a'], 60)]);
  t.match(await full.stage, { installed: 1 });
  t.match(full.context()?.toString('latin1'), /FROM base\n/);
});
