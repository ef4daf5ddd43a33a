/** Builder images: made once, whoever asks and whoever gives up, and with a clear failure. */
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import tar from 'tar-stream';
import { toolchainKey } from '../../../../node-agent/domain/installs/toolchains.ts';
import type { BuildEngine, JobEnd } from '../../../../node-agent/engine/build-engine.ts';
import { Toolchains } from '../../../../node-agent/images/toolchains.ts';

const PLAN = { buildId: 'b', space: 's', baseImage: 'base:1', baseImageId: 'sha256:base' };

interface Rig {
  /** What the installation writes; undefined: nothing. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  readonly end?: JobEnd;
}

/** An engine whose installation begins when `go` is called. */
function rig({ files = { 'usr/bin/git': 'git' }, end = { code: 0, lastLines: '' } }: Rig = {}) {
  const { promise: going, resolve: go } = Promise.withResolvers<void>();
  const seen = { started: 0, open: 0, aborted: 0, kept: [] as string[], context: Buffer.alloc(0) };
  const hasOutput = Object.keys(files).length > 0;
  const engine: Partial<BuildEngine> = {
    marks: {},
    stageWith: async () => undefined,
    async start(_plan, signal) {
      seen.started += 1;
      seen.open += 1;
      signal.addEventListener('abort', () => {
        seen.aborted += 1;
      });
      const pack = tar.pack();
      for (const [name, content] of Object.entries(files)) pack.entry({ name }, content);
      pack.finalize();
      const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return {
        output: pack as AsyncIterable<unknown> as AsyncIterable<Uint8Array>,
        began: Promise.race([going.then(() => hasOutput), aborted]),
        ended: going.then(() => end),
        async close() {
          seen.open -= 1;
        },
      };
    },
    async stage({ context }) {
      seen.context = await buffer(context);
      return { ok: true, imageId: 'sha256:made' };
    },
    async keepBuilder(kind, _id, image) {
      seen.kept.push(`${kind} ${image}`);
    },
  };
  return { toolchains: new Toolchains(engine as BuildEngine), seen, go };
}

const { signal } = new AbortController();

t.test('builds that need the same toolchain at once share one installation', async (t) => {
  const { toolchains, seen, go } = rig();
  const two = [toolchains.imageOf('git', PLAN, signal), toolchains.imageOf('git', { ...PLAN, buildId: 'c' }, signal)];
  go();
  t.same(await Promise.all(two), ['sha256:made', 'sha256:made']);
  t.match(seen, { started: 1, open: 0, kept: [`git raworc_builder:git-${toolchainKey('git', PLAN.baseImageId)}`] });
  t.match(seen.context.toString('latin1'), /FROM base:1\nLABEL raworc.image="builder" .*\nCOPY deps\/[0-9a-f]{32} \/\n/);
  t.match(seen.context.toString('latin1'), /deps\/[0-9a-f]{32}\/usr\/bin\/git/);
});

t.test('a cancelled build does not end what another waits for; the last one does', async (t) => {
  const { toolchains, seen, go } = rig();
  const leaving = new AbortController();
  const first = toolchains.imageOf('rust', PLAN, leaving.signal);
  const second = toolchains.imageOf('rust', PLAN, signal);
  leaving.abort(new Error('cancelled'));
  await t.rejects(first, { message: 'cancelled' });
  t.equal(seen.aborted, 0);
  go();
  t.equal(await second, 'sha256:made');

  const alone = rig();
  const last = new AbortController();
  const only = alone.toolchains.imageOf('rust', PLAN, last.signal);
  last.abort(new Error('cancelled'));
  await t.rejects(only, { message: 'cancelled' });
  t.equal(alone.seen.aborted, 1);
});

t.test('a base image that has the programs is used as it is, and asked once', async (t) => {
  const { toolchains, seen, go } = rig({ files: {} });
  go();
  t.equal(await toolchains.imageOf('git', PLAN, signal), 'sha256:base');
  t.equal(await toolchains.imageOf('git', PLAN, signal), 'sha256:base');
  t.equal(seen.started, 1);
});

t.test('a mirror that cannot be reached is a clear failure, and the next build tries again', async (t) => {
  const { toolchains, seen, go } = rig({ files: {}, end: { code: 100, lastLines: 'E: Failed to fetch http://deb.example/' } });
  go();
  const error =
    /^the Rust toolchain could not be installed from the package mirror.* exit code 100\. .*build_apt_url[\s\S]*Failed to fetch/;
  await t.rejects(toolchains.imageOf('rust', PLAN, signal), { name: 'BadSource', message: error });
  await t.rejects(toolchains.imageOf('rust', PLAN, signal), { message: error });
  t.match(seen, { started: 2, open: 0 });
});

t.test('keys depend on the base image and on the recipe', async (t) => {
  t.not(toolchainKey('git', 'a'), toolchainKey('git', 'b'));
  t.not(toolchainKey('git', 'a'), toolchainKey('rust', 'a'));
});
