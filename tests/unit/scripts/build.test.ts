import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import t from 'tap';
import { buildFromRegistry } from '../../../scripts/image/build.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

interface Engine {
  /** The image that is here already. */
  readonly here?: { readonly RepoDigests?: readonly string[] };
  /** What the registry does when it is asked. */
  readonly pull?: (signal: AbortSignal) => Promise<void>;
}

/** An engine, and a registry behind it. */
function engine({ here, pull = async () => undefined }: Engine = {}) {
  const done: string[] = [];
  const built: { file: string; options: Record<string, unknown> }[] = [];
  let found = here;
  const docker = {
    getImage: () => ({ inspect: () => (found === undefined ? Promise.reject(new Error('no such image')) : Promise.resolve(found)) }),
    async pull(image: string, { abortSignal }: { abortSignal: AbortSignal }) {
      done.push(`pull ${image}`);
      await pull(abortSignal);
      found = { RepoDigests: [`debian@${DIGEST}`] };
    },
    async buildImage(context: NodeJS.ReadableStream, options: Record<string, unknown>) {
      const bytes = await buffer(context);
      built.push({ file: /FROM \S+/.exec(bytes.toString('latin1'))?.[0] ?? '', options });
    },
    modem: { followProgress: (_stream: unknown, over: (error: null) => void) => over(null) },
  } as unknown as Docker;
  const options = { docker, baseImage: 'debian:12-slim', tag: 't', certificates: [], limitMs: 50, progress: () => undefined };
  const build = (signal = new AbortController().signal) => buildFromRegistry({ ...options, signal });
  return { build, done, built };
}

t.test('a base image is pulled and used by the registry’s digest, whatever its tag points to later', async (t) => {
  const { build, done, built } = engine();
  t.equal(await build(), undefined);
  t.same(done, ['pull debian:12-slim']);
  t.equal(built[0]?.file, `FROM debian@${DIGEST}`);
  t.equal(built[0]?.options.networkmode, 'default', 'a build does not run in the network of the machine');
});

t.test('an image on the machine is named by its digest if it has one', async (t) => {
  const pulled = engine({ here: { RepoDigests: [`debian@${DIGEST}`] } });
  await pulled.build();
  t.same(pulled.done, []);
  t.equal(pulled.built[0]?.file, `FROM debian@${DIGEST}`);
  const own = engine({ here: {} });
  await own.build();
  t.equal(own.built[0]?.file, 'FROM debian:12-slim', 'an image that came from no registry has none');
});

t.test('the failure of each registry is shown, and an interruption is passed on', async (t) => {
  const untilAborted = async (signal: AbortSignal) => {
    signal.throwIfAborted();
    await once(signal, 'abort');
    signal.throwIfAborted();
  };
  t.equal(await engine({ pull: untilAborted }).build(), 'no registry answered within 0.05 s');
  const refusing = engine({ pull: () => Promise.reject(new Error('manifest unknown\nmore')) });
  t.equal(await refusing.build(), 'manifest unknown');
  t.equal(await engine({ pull: () => Promise.reject(new Error('dial tcp: no such host')) }).build(), 'no registry can be reached');
  const stop = new AbortController();
  stop.abort(new Error('stopped'));
  await t.rejects(engine({ pull: untilAborted }).build(stop.signal), { message: 'stopped' });
});
