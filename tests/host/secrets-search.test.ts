import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { deploy, writeAgent } from '../cluster/agents.ts';
import { containersOf, docker, execIn } from '../cluster/docker.ts';
import { startCluster } from '../cluster/harness.ts';
import { Child } from '../cluster/processes.ts';
import { Needles, shapesOf } from './needle.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
/** A user other than the guest's, the agents' and the operator's. */
const SOMEBODY = '65534';
/** Files in /proc that any user can read of other processes. */
const READ_PROC = 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/task/*/comm /proc/[0-9]*/mem 2>/dev/null; true';

const AGENT = `
import hashlib, os

def process_message(message, context):
    value = os.environ.get("PLANTED", "")
    return hashlib.sha256(value.encode()).hexdigest()
`;

/** Where a container's writes are on the host. */
const overlay = z.looseObject({ GraphDriver: z.looseObject({ Data: z.looseObject({ UpperDir: z.string() }) }) });

async function asSomebody(script: string, env: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  const args = ['--reuid', SOMEBODY, '--regid', SOMEBODY, '--clear-groups', '--', 'sh', '-c', script];
  const child = new Child('somebody', 'setpriv', args, { PATH: process.env.PATH ?? '', ...env }, '/');
  await child.ended();
  return Buffer.from(child.lines.join('\n'));
}

t.setTimeout(240_000);
t.test('the search finds planted secrets, in each encoding and place', async (t) => {
  const secret = 'Zm9v?planted~~ÿ value';
  const needles = new Needles([secret]);
  const directory = await mkdtemp(join(tmpdir(), 'raworc-needle-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  for (const [name, bytes] of shapesOf(secret)) {
    const path = join(directory, name.replaceAll(' ', '-'));
    await writeFile(path, Buffer.concat([Buffer.alloc(1024 * 1024 - 5, 'x'), bytes, Buffer.alloc(9)]));
    t.ok((await needles.inFile(path)).includes(`secret 0 as ${name}`), `${name}, over the end of what is read at once`);
  }
  for (const before of ['', 'a', 'ab', 'abc']) {
    const text = Buffer.from(`${before}${secret} and more`);
    t.ok(needles.in(Buffer.from(text.toString('base64'))).length > 0, `base64 behind ${before.length} bytes`);
    t.ok(needles.in(Buffer.from(text.toString('base64url'))).length > 0);
  }
  t.equal((await needles.below(directory)).files, shapesOf(secret).size);
  t.same(needles.in(Buffer.from('planted value')), []);
  const program = 'console.log("up"); setTimeout(() => undefined, 60_000)';
  const inArguments = new Child('planted', process.execPath, ['-e', program, secret], { PATH: process.env.PATH ?? '' }, '/');
  t.teardown(() => inArguments.end('SIGKILL'));
  await inArguments.untilLine('it to be up', (line) => line === 'up');
  t.match(needles.in(await asSomebody(READ_PROC)), ['secret 0 as plain'], 'in the arguments of another user’s process');
  t.match(
    needles.in(await asSomebody('cat /proc/self/environ', { KEY: secret })),
    ['secret 0 as plain'],
    'in an environment that may be read',
  );
});

t.test('a sealed and delivered secret is only in the memory of processes that need it', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }], nats: true });
  const { rest, directory } = cluster;
  const value = () => `v~${randomBytes(18).toString('base64url')}ÿ`;
  const [first, second, third] = [value(), value(), value()];
  const needles = new Needles([first, second, third]);
  const news = await rest.watch('/events');
  t.teardown(() => news.close());
  await deploy(rest, 'teller', await writeAgent(join(directory, 'teller'), { 'main.py': AGENT }));

  const path = '/spaces/default/secrets';
  t.equal((await rest.call('POST', path, { key_name: 'PLANTED', value: first })).status, 201);
  t.equal((await rest.call('POST', path, { key_name: 'UNUSED', value: third, description: 'never read' })).status, 201);
  const session = (await rest.createSession()).id;
  const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
  const told = async () => (await rest.say(session, 'tell')).reply.content;
  t.equal(await told(), hashOf(first), 'the agent has it');
  t.equal((await rest.call('PUT', `${path}/PLANTED`, { value: second })).status, 200);
  t.equal(await told(), hashOf(second), 'and the changed one before the next message');
  t.match(await rest.call('GET', `${path}?show_values=true`), { status: 200 });
  t.equal((await rest.call('POST', path, { key_name: 'PLANTED', value: third })).status, 409);
  t.equal((await rest.call('POST', path, { key_name: '?', value: third })).status, 422);
  t.equal((await rest.send('POST', path, `{"key_name":"BROKEN","value":"${third}"`, 'application/json')).status, 400);

  const backup = join(directory, 'backup.tar');
  for (const [name, ...args] of [['rotate'], ['backup', backup]] as const) {
    const env = { PATH: process.env.PATH ?? '', RAWORC_DATA_DIR: directory };
    const child = new Child(name, process.execPath, ['controller/raworc-controller.mjs', name, ...args], env, PROJECT);
    t.equal(await child.ended(60_000), 'code 0', child.lines.join('\n'));
    t.same(needles.in(Buffer.from(child.lines.join('\n'))), []);
  }
  await rest.call('POST', `/sessions/${session}/suspend`);
  t.equal(await told(), hashOf(second), 'also in a container of its own');

  const [container = { id: '' }] = (await containersOf(cluster.id)).filter(({ running }) => running);
  const inside = await execIn(container.id, ['sh', '-c', READ_PROC], SOMEBODY);
  t.match(inside.output, /guest|node|python/, 'there are processes to read of');
  const places: Record<string, Buffer> = {
    'docker inspect': Buffer.from(JSON.stringify(await docker.getContainer(container.id).inspect())),
    'docker logs': await docker.getContainer(container.id).logs({ stdout: true, stderr: true }),
    'the image': Buffer.from(JSON.stringify(await docker.listImages({ filters: { label: [`raworc.cluster=${cluster.id}`] } }))),
    'the /proc of the container, for another user in it': Buffer.from(inside.output),
    'the /proc of the host, for another user of it': await asSomebody(READ_PROC),
    events: Buffer.from(JSON.stringify(news.events)),
    'the logs of controller and node': Buffer.from(cluster.logs(100_000)),
    'what REST shows of sessions and messages': Buffer.from(JSON.stringify([await rest.session(session), await rest.messages(session)])),
  };
  for (const [place, bytes] of Object.entries(places)) {
    t.ok(bytes.length > 0, `${place} is not empty`);
    t.same(needles.in(bytes), [], place);
  }
  const searched = [directory, overlay.parse(await docker.getContainer(container.id).inspect()).GraphDriver.Data.UpperDir];
  t.equal(cluster.disks().length, 1, 'there is a disk, which is mounted below the directory');
  for (const at of searched) {
    const { found, files } = await needles.below(at);
    t.same(found, [], `${at}, ${files} files`);
  }

  // Would it be found? As it would lie there if it were written.
  await writeFile(join(directory, 'controller', 'planted.log'), Buffer.from(`log ${second}`).toString('base64'));
  t.match((await needles.below(directory)).found, [/planted.log: secret 1 as base64/]);
});
