/** Images reach a host that has none, and come back when it loses them, also while the registry is away. */
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { deploy, writeAgent } from '../cluster/agents.ts';
import { sessionImage } from '../cluster/docker.ts';
import type { Child, LogEvent } from '../cluster/processes.ts';
import { reach, reachedIn } from '../host/reach.ts';
import { startRack } from './rack.ts';

const AGENT = 'def process_message(message, context):\n    return "echo " + message\n';
/** Asks the registry at an address for its images, and prints status and challenge. */
const ASK = `const { status, headers } = await fetch('http://' + process.argv[1] + '/v2/_catalog');
console.log(status, headers.get('www-authenticate'));`;
/** Packing and unpacking the session image, on a busy machine. */
const BASE_WITHIN_MS = 180_000;

t.setTimeout(360_000);
t.test('images travel', async (t) => {
  const rack = await startRack(t, { hosts: { ann: {}, ben: { hasImage: false } }, env: { RAWORC_REGISTRY: 'on' } });
  const { rest } = rack;
  const [ann, ben] = [rack.host('ann'), rack.host('ben')];
  const base = await sessionImage();
  const image = (host: typeof ann, tag: string) => host.docker('images', '-q', '--no-trunc', tag);

  await t.test('the session image reaches a host without any, by itself', async (t) => {
    await event(ben.agent.child, 'image.pulled', ({ image }) => image === base, BASE_WITHIN_MS);
    t.equal(await image(ben, base), await image(ann, base));
  });

  const build = await deploy(rest, 'echo', await writeAgent(join(rack.place.directory, 'echo'), { 'main.py': AGENT }));
  const tag = build.image_tag ?? '';

  await t.test('a new build is on both before anybody asks, and both serve it', async (t) => {
    const builder = (await image(ann, tag)) === '' ? ben : ann;
    const other = builder === ann ? ben : ann;
    await event(other.agent.child, 'image.pulled', ({ image }) => image === tag, 60_000);
    t.equal(await image(ann, tag), await image(ben, tag), 'the same image, by its id');
    const sessions = [await rest.createSession(), await rest.createSession()];
    t.same(sessions.map(({ node }) => node).sort(), ['ann', 'ben']);
    for (const { id } of sessions) t.equal((await rest.say(id, 'hello')).reply?.content, 'echo hello');
    for (const { id } of sessions) await rest.removeSession(id);
    for (const host of rack.all) t.notMatch(await host.docker('images', '-a', '--digests'), /127\.0\.0\.1/, 'no name of a move is left');
  });

  await t.test('neither a session nor another user of the host gets anything from the listener for Docker', async (t) => {
    const session = await rest.createSession();
    const host = rack.host(session.node ?? '');
    const listening = (await host.machine.run('ss', '-Hltn')).split('\n').map((line) => line.split(/ +/)[3] ?? '');
    const own = listening.filter((address) => address.startsWith('127.0.0.1:'));
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--', process.execPath, '--input-type=module', '-e', ASK, '--'];
    const answers = await Promise.all(own.map((address) => host.machine.run('setpriv', ...nobody, address).catch(() => '')));
    const at = answers.findIndex((answer) => answer.endsWith('Basic realm="raworc"'));
    t.match(answers[at], /^401 /, 'another user reaches it, and is refused');

    const port = own[at]?.split(':')[1] ?? '';
    const addresses = (await host.machine.run('ip', '-4', '-o', 'addr')).match(/(?<=inet )[\d.]+/g)?.map(String) ?? [];
    t.ok(addresses.includes('127.0.0.1') && addresses.includes(host.address), `of the host: ${addresses.join(', ')}`);
    const targets = addresses.map((address) => `${address}:${port}`);
    const inSession = await host.docker('exec', session.container_id ?? '', 'python3', '-c', reach(targets));
    t.same(reachedIn(inSession), Object.fromEntries(targets.map((target) => [target, false])), 'a session reaches it at no address');
    const onHost = await host.docker('run', '--rm', '--network', 'host', base, 'python3', '-c', reach(targets));
    t.ok(reachedIn(onHost)[`127.0.0.1:${port}`], 'which a container on the network of the host does');
    await rest.removeSession(session.id);
  });

  await t.test('a pruned image is pulled again when a session wakes, once the registry is back', async (t) => {
    const session = await rest.createSession();
    const host = rack.host(session.node ?? '');
    const news = await rest.watch(`/sessions/${session.id}/events`);
    t.teardown(() => news.close());
    await rest.call('POST', `/sessions/${session.id}/suspend`);
    await news.until('suspended', ({ data }) => stateIn(data) === 'suspended', 60_000);
    const registry = (await rack.head.machine.run('pidof', 'docker-registry')).split(' ')[0] ?? '';
    await rack.head.machine.run('kill', '-STOP', registry);
    // A container that is just being removed still holds its image.
    do await host.docker('image', 'prune', '-af');
    while ((await image(host, tag)) !== '');
    const waiting = await rest.post(session.id, 'still there?');
    await rack.head.machine.run('kill', '-KILL', registry);
    const answer = await news.until('the answer', ({ data }) => isAnswerTo(data, waiting.id), 120_000);
    t.match(answer.data, { message: { content: 'echo still there?' } });
    t.equal((await rest.messages(session.id)).filter(({ role }) => role === 'agent').length, 1, 'once');
    t.not(await image(host, tag), '');
  });
});

function event(child: Child, name: string, matches: (line: LogEvent) => boolean, limitMs: number): Promise<string> {
  const line = z.looseObject({ event: z.literal(name) });
  return child.untilLine(name, (text) => text.startsWith('{') && isMatch(line.safeParse(JSON.parse(text)).data, matches), limitMs);
}

const isMatch = (line: LogEvent | undefined, matches: (line: LogEvent) => boolean) => line !== undefined && matches(line);

function stateIn(data: Readonly<Record<string, unknown>>): unknown {
  return z.looseObject({ session: z.looseObject({ state: z.string() }) }).safeParse(data).data?.session.state;
}

function isAnswerTo(data: Readonly<Record<string, unknown>>, message: string): boolean {
  const shape = z.looseObject({
    message: z.looseObject({ role: z.literal('agent'), metadata: z.looseObject({ in_reply_to: z.string() }) }),
  });
  return shape.safeParse(data).data?.message.metadata.in_reply_to === message;
}
