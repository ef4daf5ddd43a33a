/** Repositories that builds fetch in Docker, from a git server with a private authority. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { UNWATCHED } from '../../node-agent/builds/progress.ts';
import { CHAINS, parseEgress, TABLE } from '../../node-agent/domain/firewall-rules.ts';
import { DockerBuilds } from '../../node-agent/engine/docker/builds/docker-builds.ts';
import { OwnImages } from '../../node-agent/engine/docker/builds/own-images.ts';
import { WorkDisks } from '../../node-agent/engine/docker/builds/work-disks.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { BRIDGE, ensureNetwork, removeNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { Firewall } from '../../node-agent/engine/firewall/firewall.ts';
import { installedNpm } from '../../node-agent/images/installed-npm.ts';
import { fetchRepository } from '../../node-agent/images/repositories/fetch-repository.ts';
import { runCommand } from '../../node-agent/volumes/command.ts';
import { systemClock, systemRandom } from '../../seams/system.ts';
import { sessionImage } from '../cluster/docker.ts';
import { silent } from '../unit/controller/core.ts';
import { privateCa } from '../unit/controller/http/certificates.ts';
import { docker } from './busybox.ts';
import { commit, git, gitServer, TOKEN } from './git-server.ts';

const OWNER = { clusterId: `test-${randomUUID()}`, nodeId: randomUUID() };
const LABEL = `label=raworc.cluster=${OWNER.clusterId}`;
const directory = mkdtempSync('/var/tmp/raworc-repositories-');
const signal = new AbortController().signal;
const NONE = { known: '', ref: 'main', directory: '' };

t.setTimeout(180_000);

async function world() {
  const clients = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(clients.calls, SESSION_NETWORK, signal);
  const address = await docker('network', 'inspect', SESSION_NETWORK.name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  const ca = await privateCa();
  writeFileSync(join(directory, 'ca.pem'), ca.pem);
  const root = join(directory, 'repositories');
  const pair = await ca.issue({ address });
  const other = await gitServer(root, pair, '');
  const server = await gitServer(root, pair, `https://${address}:${other.port}`);
  const firewall = new Firewall({
    plan: {
      ...{ bridge: BRIDGE, table: TABLE, chains: CHAINS, closed: [], allowed: [] },
      egress: [server.port, other.port].flatMap((port) => parseEgress(`${address}:${port}`) ?? []),
    },
    clock: systemClock,
    log: silent,
  });
  await firewall.apply();
  const engine = (certificates: string | undefined) => async () =>
    new DockerBuilds({
      ...{ clients, owner: OWNER, guestDirectory: directory, npm: installedNpm(), clock: systemClock, log: silent, run: runCommand },
      disks: new WorkDisks({ directory: join(directory, 'builds'), kind: 'image', run: runCommand, random: systemRandom }),
      stages: await OwnImages.open(join(directory, 'stages')),
      settings: { environment: {}, certificates },
      cgroupParent: () => undefined,
    });
  const [trusting, distrusting] = [await engine(join(directory, 'ca.pem'))(), await engine(undefined)()];
  const image = await sessionImage();
  const at = (path: string) => `https://${address}:${server.port}/${path}`;
  /** Fetches, and returns what the controller would get. */
  const fetch = async (
    url: string,
    { known, ref, directory: below }: Partial<typeof NONE> & object = {},
    token = '',
    builds = trusting,
  ) => {
    const files = new Map<string, string>();
    const heard: { commit: string; inspected: string } = { commit: '', inspected: '' };
    const credential = token === '' ? null : { username: 'x-access-token', password: token, privateKey: '', knownHosts: '' };
    const source = { agent: 'a', url, ref: ref ?? 'main', directory: below ?? '', knownCommit: known ?? '', credential };
    const fetched = await fetchRepository(
      builds,
      { buildId: randomUUID(), space: 'test', image, source },
      async (header, data) => {
        heard.commit = header.commit;
        heard.inspected = await docker('inspect', ...(await docker('ps', '-q', '--filter', LABEL)).split('\n').filter(Boolean));
        if (data !== undefined) for (const [name, text] of await unpacked(data)) files.set(name, text);
        return { source: { spec: null, digest: 'sha256:0' }, refusal: '', sameAs: '' };
      },
      UNWATCHED,
      signal,
    );
    return { ...fetched, ...heard, files };
  };
  t.teardown(async () => {
    server.close();
    other.close();
    firewall.close();
    await firewall.remove();
    await removeNetwork(clients.calls, SESSION_NETWORK, signal);
    rmSync(directory, { recursive: true, force: true });
  });
  return { root, at, fetch, server, other, distrusting };
}

async function unpacked(data: AsyncIterable<Uint8Array>): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const extract = tar.extract();
  extract.end(gunzipSync(await buffer(data)));
  for await (const entry of extract) {
    const content = (await buffer(entry)).toString();
    if (entry.header.type !== 'directory') files.set(entry.header.name, entry.header.linkname ?? content);
  }
  return files;
}

t.test('repositories', async (t) => {
  const { root, at, fetch, server, other, distrusting } = await world();
  const agent = { 'main.py': 'def process_message(message, context):\n  return message\n', 'requirements.txt': '' };
  const first = await commit(join(root, 'plain'), agent);

  await t.test('a repository with only main.py and requirements.txt, by branch, HEAD, tag and commit', async (t) => {
    const fetched = await fetch(at('plain'));
    t.equal(fetched.commit, first);
    t.same(Object.fromEntries(fetched.files), agent);
    await git(join(root, 'plain'), 'tag', '-a', 'v1', '-m', 'The first');
    await commit(join(root, 'plain'), {
      'main.py': 'later',
      'sub/dir/index.mjs': 'x',
      '.gitattributes': 'requirements.txt export-ignore\n',
    });
    t.match(await fetch(at('plain'), { ref: 'HEAD', directory: 'sub' }), { files: new Map([['dir/index.mjs', 'x']]) });
    t.match((await fetch(at('plain'))).files.get('requirements.txt'), '', 'attributes leave nothing out');
    t.equal((await fetch(at('plain'), { ref: 'v1' })).commit, first, 'the commit of an annotated tag');
    t.equal((await fetch(at('plain'), { ref: first })).files.get('main.py'), agent['main.py']);
    t.match(
      await fetch(at('plain'), { ref: 'v1', known: first }),
      { isKnown: true, files: new Map() },
      'a known commit is not fetched again',
    );
  });

  await t.test('a token reaches its host only, and nothing that can be listed', async (t) => {
    const fetched = await fetch(at('private/plain'), {}, TOKEN);
    t.equal(fetched.files.get('main.py'), 'later');
    t.notMatch(fetched.inspected, TOKEN);
    t.match(fetched.inspected, 'RAWORC_URL');
    server.seen.length = 0;
    await t.rejects(fetch(at('moved/private/plain'), {}, TOKEN), { message: /does not exist, or its token or key has no access/ });
    t.ok(other.seen.length > 0, 'it followed');
    t.notOk(
      other.seen.some(({ authorization }) => authorization !== undefined),
      'without the token',
    );
  });

  await t.test('a server that only has files', async (t) => {
    await git(root, 'clone', '-q', '--bare', 'plain', 'dumb.git');
    await git(join(root, 'dumb.git'), 'update-server-info');
    t.equal((await fetch(at('dumb/dumb.git'))).files.get('main.py'), 'later');
    t.equal((await fetch(at('dumb/dumb.git'), { ref: first })).files.get('main.py'), agent['main.py']);
  });

  await t.test('what cannot be fetched says why', async (t) => {
    const linked = join(root, 'linked');
    await commit(linked, agent);
    symlinkSync('/etc/passwd', join(linked, 'outside'));
    await commit(linked, {});
    t.equal((await fetch(at('linked'))).files.get('outside'), '/etc/passwd', 'the controller judges links');
    await commit(join(root, 'lfs'), {
      ...{ ...agent, '.gitattributes': '*.bin filter=lfs\n' },
      'model.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
    });
    await git(join(root, 'lfs'), 'config', 'protocol.file.allow', 'always');
    await commit(join(root, 'modules'), agent);
    await git(join(root, 'modules'), 'update-index', '--add', '--cacheinfo', `160000,${first},vendor/lib`);
    await git(join(root, 'modules'), 'commit', '-q', '-m', 'A submodule');
    const failing: readonly (readonly [url: string, options: object, error: RegExp])[] = [
      [at('nowhere'), {}, /does not exist or is private.*source_secret/],
      [at('private/plain'), {}, /does not exist or is private/],
      [at('plain'), { ref: 'nowhere' }, /no branch, tag or commit nowhere\. The default branch is main\./],
      [at('plain'), { ref: first.slice(0, 10) }, /give all of its digits/],
      [at('plain'), { directory: 'nowhere' }, /no directory nowhere/],
      [at('lfs'), {}, /files in Git LFS \(model\.bin\)/],
      [at('modules'), {}, /submodules \(vendor\/lib\)/],
      ['https://git.invalid/a/b', {}, /name git\.invalid cannot be resolved/],
      ['file:///etc', {}, /could not be fetched/],
    ];
    // A blocked address is silent, which takes its time.
    const blocked = t.rejects(fetch(at('plain').replace(/:\d+/, ':1')), { message: /cannot be reached.*RAWORC_ALLOW_EGRESS/ });
    for (const [url, options, error] of failing) await t.rejects(fetch(url, options), { message: error }, url);
    await t.rejects(fetch(at('plain'), {}, '', distrusting), { message: /is not trusted.*RAWORC_BUILD_CA_FILE/ });
    await blocked;
    t.same((await docker('ps', '-aq', '--filter', LABEL)).trim(), '', 'no container is left');
    t.same(existsSync(join(directory, 'builds')) ? readdirSync(join(directory, 'builds')) : [], [], 'no disk is left');
  });
});
