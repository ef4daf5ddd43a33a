/** Which image a build begins with, when agents bring one and when the operator does not allow it. */
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import t from 'tap';
import { extract } from 'tar-stream';
import { baseOfBuild } from '../../../../node-agent/builds/base-of-build.ts';
import { UNWATCHED } from '../../../../node-agent/builds/progress.ts';
import { ownImageOf } from '../../../../node-agent/domain/installs/own-image.ts';
import type { BuildEngine, JobPlan } from '../../../../node-agent/engine/build-engine.ts';

const { signal } = new AbortController();

interface Rig {
  readonly takesDockerfiles?: boolean;
  /** Images that the operator allows. */
  readonly allowed?: readonly string[];
  /** The exit code of the check of needs. */
  readonly code?: number;
}

async function begun(
  agents: Readonly<Record<string, Readonly<Record<string, string>>>>,
  { takesDockerfiles = true, allowed = [], code = 0 }: Rig = {},
) {
  const seen = { printed: [] as string[], steps: [] as string[], discarded: [] as string[], keys: [] as string[], lines: [] as string[] };
  let made = 0;
  const engine: Partial<BuildEngine> = {
    marks: {},
    takesDockerfiles,
    stageWith: async () => undefined,
    baseImage: async (name) =>
      allowed.includes(name)
        ? { ok: true, imageId: `sha256:${name}`, digest: `${name}@sha256:1` }
        : { ok: false, reason: `${name} is not allowed` },
    async start({ command, isStep }: JobPlan) {
      if (isStep === true) seen.steps.push(command.join(' '));
      return {
        output: (async function* () {})(),
        began: Promise.resolve(isStep !== true && code === 0),
        ended: Promise.resolve({ code: isStep === true ? 0 : code, lastLines: '' }),
        commit: async (labels) => {
          seen.keys.push(labels['raworc.step'] ?? '');
          made += 1;
          return `sha256:made-${made}`;
        },
        close: async () => undefined,
      };
    },
    async stage({ context }) {
      const unpacked = extract();
      unpacked.on('entry', (_, content, next) => void text(content).then((dockerfile) => next(void seen.lines.push(dockerfile))));
      await pipeline(context, unpacked);
      return { ok: true, imageId: 'sha256:copied' };
    },
    discard: async (id) => void seen.discarded.push(id),
  };
  const scanned = Object.entries(agents).map(([name, texts]) => {
    const files = new Map(Object.entries(texts).map(([path, text]) => [path, { sha256: `hash of ${text}`, text }]));
    return { name, runtime: 'PYTHON', digest: '', files, own: ownImageOf(files), dependencies: undefined };
  });
  const progress = { ...UNWATCHED, print: (text: string) => void seen.printed.push(text) };
  const fetch = async function* () {};
  const plan = { buildId: 'b', space: 's', baseImage: 'stock:1', baseImageId: 'sha256:stock', agents: scanned };
  const result = await baseOfBuild({ engine: engine as BuildEngine, fetch, progress }, plan, signal).then(
    ({ image }) => image,
    (error: unknown) => `refused: ${error instanceof Error ? error.message : error}`,
  );
  return { result, ...seen };
}

const RUNS = 'FROM raworc/session:x\nRUN one\nRUN two\n';

t.test('which image a build begins with', async (t) => {
  t.match(await begun({ a: { 'main.py': '' } }), { result: 'stock:1' });
  t.match(await begun({ a: { Dockerfile: RUNS } }), {
    result: 'sha256:made-2',
    steps: ['/bin/sh -c one', '/bin/sh -c two'],
    discarded: [],
  });
  t.match(await begun({ a: { Dockerfile: 'FROM raworc/session' } }), { result: 'stock:1' });
  t.match(await begun({ a: { 'raworc.json': '{"base_image":"x"}' } }, { allowed: ['x'], takesDockerfiles: false }), { result: 'sha256:x' });
  t.match(await begun({ a: { 'raworc.json': '{"base_image":"x"}' } }), {
    result: 'refused: the image of the agent a cannot be built: x is not allowed',
  });
});

t.test('without the operator’s consent, a Dockerfile is left unused, or refused if it is asked for', async (t) => {
  const off = { takesDockerfiles: false };
  t.match(await begun({ a: { Dockerfile: RUNS } }, off), {
    result: 'stock:1',
    printed: [/^Warning: \S+: its Dockerfile is not used\..*build_dockerfiles/],
    steps: [],
  });
  t.match(await begun({ a: { Dockerfile: RUNS, 'raworc.json': '{"dockerfile":true}' } }, off), {
    result: /refused: the Dockerfile of the agent a cannot be built here.*build_dockerfiles/,
  });
});

t.test('agents of a space share an image', async (t) => {
  const other = { Dockerfile: 'FROM raworc/session\nRUN three' };
  t.match(await begun({ a: { Dockerfile: RUNS }, b: other }), { result: /refused: the agents a and b each bring an image/ });
  t.match(await begun({ a: { Dockerfile: RUNS }, b: { ...other, 'raworc.json': '{"dockerfile":false}' } }), { result: 'sha256:made-2' });
  const same = { 'raworc.json': '{"base_image":"x"}' };
  t.match(await begun({ a: same, b: same }, { allowed: ['x'] }), { result: 'sha256:x' });
});

t.test('spaces share a step only if the same program runs in it', async (t) => {
  const keyOf = async (before: string) => (await begun({ a: { Dockerfile: `FROM raworc/session\n${before}RUN install x\n` } })).keys[0];
  t.equal(await keyOf(''), await keyOf(''));
  const keys = await Promise.all(['', 'SHELL ["/bin/sh", "-c", "evil; true"]\n', 'ARG PATH=/evil\n', 'ARG PATH=/other\n'].map(keyOf));
  t.equal(new Set(keys).size, keys.length, keys.join());
});

t.test('nothing before a COPY can take the place of the stage that it names', async (t) => {
  const Dockerfile = 'FROM raworc/session AS secret\nRUN x\nFROM raworc/session\nARG A=--from=1\nCOPY --from=secret /x /y\n';
  const { lines, result } = await begun({ a: { Dockerfile } });
  t.strictSame([result, lines], ['sha256:copied', [`FROM sha256:stock\nARG A='--from=1'\nCOPY --from=sha256:made-1 ["/x","/y"]\n`]]);
});

t.test('an image that cannot run sessions is refused and removed', async (t) => {
  t.match(await begun({ a: { Dockerfile: RUNS } }, { code: 65 }), {
    result: /it has no python3, which the agent a needs/,
    discarded: ['sha256:made-2'],
  });
  t.match(await begun({ a: { Dockerfile: RUNS } }, { code: 127 }), {
    result: /it needs glibc 2\.28 or newer/,
    discarded: ['sha256:made-2'],
  });
});
