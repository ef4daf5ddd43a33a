/** Dependencies of many agents are installed one after another, over an engine that is played. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { UNWATCHED } from '../../../../node-agent/builds/progress.ts';
import type { BuildEngine, JobEnd } from '../../../../node-agent/engine/build-engine.ts';
import { stageOf } from '../../../../node-agent/images/stage.ts';

const { signal } = new AbortController();

async function archive(files: Readonly<Record<string, string>>, isPacked: boolean): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name }, content);
  pack.finalize();
  const whole = await buffer(pack);
  return isPacked ? gzipSync(whole) : whole;
}

/** An engine that installs `installed` for each agent; undefined: the installation fails. */
async function rig(agents: readonly string[], installed: (at: number) => Readonly<Record<string, string>> | undefined) {
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
