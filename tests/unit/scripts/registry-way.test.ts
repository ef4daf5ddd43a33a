import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import t from 'tap';
import { buildFromRegistry, byDigest } from '../../../scripts/image/registry-way.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

/** An engine that has some images, and a registry behind it. */
function engine({ here, digest = DIGEST }: { here?: { RepoDigests?: string[] }; digest?: string } = {}) {
  const done: string[] = [];
  const built: { file: string; options: Record<string, unknown> }[] = [];
  const docker = {
    getImage: () => ({ inspect: () => (here === undefined ? Promise.reject(new Error('no such image')) : Promise.resolve(here)) }),
    pull: async (image: string) => void done.push(`pull ${image}`),
    async buildImage(context: NodeJS.ReadableStream, options: Record<string, unknown>) {
      const bytes = await buffer(context);
      built.push({ file: /FROM \S+/.exec(bytes.toString('latin1'))?.[0] ?? '', options });
    },
    modem: {
      dial: (_call: object, answer: (error: null, answer: unknown) => void) => answer(null, { Descriptor: { digest } }),
      followProgress: (_stream: unknown, over: (error: null) => void) => over(null),
    },
  } as unknown as Docker;
  const way = { docker, baseImage: 'debian:12-slim', tag: 't', trust: { certificates: [] }, limitMs: 1000, progress: () => undefined };
  const build = () =>
    buildFromRegistry({ ...way, signal: new AbortController().signal } as unknown as Parameters<typeof buildFromRegistry>[0]);
  return { build, done, built };
}

t.test('a base image is pulled and built on by the digest that the registry gave, whatever its tag names later', async (t) => {
  const { build, done, built } = engine();
  t.equal(await build(), undefined);
  t.same(done, [`pull debian@${DIGEST}`]);
  t.equal(built[0]?.file, `FROM debian@${DIGEST}`);
});

t.test('one that is on the machine is named by its digest where it has one', async (t) => {
  const pulled = engine({ here: { RepoDigests: [`debian@${DIGEST}`] } });
  await pulled.build();
  t.same(pulled.done, []);
  t.equal(pulled.built[0]?.file, `FROM debian@${DIGEST}`);
  const own = engine({ here: {} });
  await own.build();
  t.equal(own.built[0]?.file, 'FROM debian:12-slim', 'one that came from no registry has none');
});

t.test('a registry that gives no digest is not trusted, and a build does not run in the network of the machine', async (t) => {
  t.match(await engine({ digest: 'latest' }).build(), /no digest/);
  const { build, built } = engine();
  await build();
  t.equal(built[0]?.options.networkmode, 'default');
});

t.test('names with a port, a path, a tag or a digest', (t) => {
  t.equal(byDigest('registry.example:5000/team/debian:12', DIGEST), `registry.example:5000/team/debian@${DIGEST}`);
  t.equal(byDigest('registry.example:5000/debian', DIGEST), `registry.example:5000/debian@${DIGEST}`);
  t.equal(byDigest(`debian@${DIGEST}`, 'sha256:other'), `debian@${DIGEST}`);
  t.end();
});
