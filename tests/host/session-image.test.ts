import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { ensureSessionImage } from '../../scripts/image/session-image.ts';
import { Apt } from '../../scripts/machine/apt.ts';
import { openDocker } from '../../scripts/machine/docker.ts';

const docker = openDocker();
const baseName = 'raworc-test-base';
const dataDir = mkdtempSync(join(tmpdir(), 'raworc-session-image-'));
t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
t.setTimeout(285_000);

interface Registry {
  readonly address: string;
  readonly process: ChildProcess;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Debian's docker-registry on a free loopback port, with its own store. */
async function startRegistry(t: Test): Promise<Registry> {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-registry-'));
  const program = await new Apt(directory).fetch('docker-registry', () => undefined);
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  mkdirSync(join(directory, 'store'));
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${directory}/store}}\nhttp: {addr: "${address}"}\n`,
  );
  const process = spawn(program, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(async () => {
    process.kill('SIGKILL');
    if (process.exitCode === null) await new Promise((resolve) => process.once('exit', resolve));
    rmSync(directory, { recursive: true, force: true });
  });
  await new Promise<void>((resolve, reject) => {
    process.once('exit', (code) => reject(new Error(`docker-registry ended with ${code}`)));
    process.stderr.on('data', (chunk: Buffer) => chunk.includes('listening on') && resolve());
  });
  return { address, process };
}

/** Fails, since making an image from packages takes minutes and is not tested here. */
const noFallback = async (_tag: string, why: string) => {
  throw new Error(`fell back, since ${why}`);
};

async function removeImage(name: string): Promise<void> {
  await docker
    .getImage(name)
    .remove({ force: true })
    .catch(() => undefined);
}

async function inContainer(image: string, script: string): Promise<string> {
  const output = new PassThrough().setEncoding('utf8');
  let text = '';
  output.on('data', (chunk) => {
    text += chunk;
  });
  const [{ StatusCode }] = await docker.run(image, ['sh', '-ec', script], output, {
    Tty: true,
    Labels: { 'raworc.test': 'session-image' },
    HostConfig: { AutoRemove: true, NetworkMode: 'none' },
  });
  if (StatusCode !== 0) throw new Error(`ended with ${StatusCode}: ${text}`);
  return text;
}

t.test('a configured base image is pulled from its registry and built on', async (t) => {
  const [local] = await docker.listImages({ filters: { reference: ['raworc/session'], label: ['raworc.image=base'] } });
  if (local === undefined) throw new Error('no session image is here to serve as the base: npm test makes one');
  const { address } = await startRegistry(t);
  const baseImage = `${address}/${baseName}:12`;
  t.teardown(async () => {
    await removeImage(baseImage);
    // What was pulled has a digest and no tag.
    const pulled = (await docker.listImages()).flatMap(({ RepoDigests }) => RepoDigests ?? []);
    for (const name of pulled) if (name.startsWith(`${address}/${baseName}@`)) await removeImage(name);
  });
  await docker.getImage(local.Id).tag({ repo: `${address}/${baseName}`, tag: '12' });
  const pushed = await docker.getImage(baseImage).push({ authconfig: { username: '', password: '', serveraddress: '' } });
  await new Promise<void>((resolve, reject) =>
    docker.modem.followProgress(pushed, (error: Error | null) => (error ? reject(error) : resolve())),
  );
  await removeImage(baseImage);

  const notes: string[] = [];
  const options = {
    docker,
    dataDir,
    baseImage,
    fallback: noFallback,
    progress: () => undefined,
    note: (text: string) => void notes.push(text),
  };
  const tag = await ensureSessionImage(options);
  t.teardown(() => removeImage(tag));
  t.match(notes, [new RegExp(`from ${baseImage}$`)]);

  const { Config } = await docker.getImage(tag).inspect();
  t.match(Config.Labels, { 'raworc.managed': 'true', 'raworc.image': 'base' });
  const said = await inContainer(
    tag,
    'python3 -m venv --without-pip /tmp/v && /tmp/v/bin/python -c "print(6*7)"; git --version; id -u agent; ls / /tmp',
  );
  t.match(said, /42/, 'python3 makes virtual environments');
  const loaded = await inContainer(tag, 'python3 -v -c "import asyncio" 2>&1');
  t.match(loaded, /asyncio\/__pycache__\/__init__\.\S+\.pyc matches/, 'and need not compile its own modules');
  t.match(said, /git version/);
  t.match(said, /^10001\r?$/m, 'the agents’ user has a name');
  t.notMatch(said, /raworc-setup/, 'nothing of the making is left');

  t.equal(await ensureSessionImage(options), tag);
  t.match(notes.at(-1), /there already/, 'the second time it is reused');
});

t.test('without a registry the image is made another way, and the reason is shown', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const registry = await startRegistry(t);
  const cases = [
    { baseImage: `127.0.0.1:${port}/${baseName}:12`, why: /no registry answered within 0.5 s/ },
    { baseImage: `127.0.0.1:${await freePort()}/${baseName}:12`, why: /no registry can be reached/ },
    { baseImage: `${registry.address}/${baseName}:missing`, why: /./ },
  ];
  for (const { baseImage, why } of cases) {
    let told: string | undefined;
    const fallback = async (_tag: string, reason: string) => {
      told = reason;
    };
    await ensureSessionImage({
      docker,
      dataDir,
      baseImage,
      registryLimitMs: 500,
      fallback,
      progress: () => undefined,
      note: () => undefined,
    });
    t.match(told, why, baseImage);
  }
});
