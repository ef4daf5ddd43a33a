/**
 * What a resting session keeps and frees, and what is left after a restart of its host: each cell
 * of the table in docs/life-cycle.md.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { OwnEngine } from '../host/own-engine.ts';
import { deploy, writeAgent } from './agents.ts';
import { sessionImage } from './docker.ts';
import { Follower } from './follow.ts';
import { startCluster } from './harness.ts';
import { expect } from './rest.ts';

const HELD_BYTES = 64 * 2 ** 20;

/** Fills memory and writes a file. It never answers a message "wait". */
const AGENT = `
import os, time, zlib

FILE = "/session/workspace/file"
memory = None
held = b""

def process_message(message, context):
    global memory, held
    yield "began "
    if message == "wait":
        while True:
            time.sleep(1)
    if message.startswith("keep "):
        memory = message
        held = os.urandom(${HELD_BYTES})
        with open(FILE, "w") as file:
            file.write(message)
    yield f"pid={os.getpid()} held={zlib.crc32(held)} memory={memory} file={open(FILE).read()}"
`;

const usage = z.object({ memory_stats: z.object({ usage: z.number() }) });

t.setTimeout(300_000);
t.test('what survives', async (t) => {
  const engine = new OwnEngine();
  t.teardown(() => engine.close());
  await engine.start();
  await copyImage(await sessionImage(), engine.socket);
  const docker = new Docker({ socketPath: engine.socket, host: '', version: 'v1.41' });
  const node = { name: 'node-1', dockerSocket: engine.socket, env: { RAWORC_LOG_LEVEL: 'debug' } };
  const cluster = await startCluster(t, { nodes: [node] });
  const { rest } = cluster;
  await deploy(rest, 'keeper', await writeAgent(join(cluster.directory, 'keeper'), { 'main.py': AGENT }));

  const containerOf = (session: string) => docker.getContainer(`raworc_session_${session}`);
  const isThere = (session: string) =>
    containerOf(session)
      .inspect()
      .then(
        () => true,
        () => false,
      );
  const usedBytes = async (session: string) => usage.parse(await containerOf(session).stats({ stream: false })).memory_stats.usage;
  const up = async (word: string) => {
    const { id } = await rest.createSession();
    const life = await Follower.of(rest, id);
    t.teardown(() => life.close());
    const { content } = (await rest.say(id, `keep ${word}`)).reply;
    return { id, life, word, content };
  };
  type Up = Awaited<ReturnType<typeof up>>;
  const ask = async (session: Up, action: 'pause' | 'suspend', state: 'paused' | 'suspended') => {
    expect(await rest.call('POST', `/sessions/${session.id}/${action}`), 200, action);
    await session.life.settled(state);
  };
  const hasFilesOnly = async (t: Test, { id, word }: Up) =>
    t.match((await rest.say(id, 'and now?')).reply.content, `held=0 memory=None file=keep ${word}`, 'its files, and nothing of its memory');

  const [runs, pauses, suspends] = await Promise.all([up('running'), up('paused'), up('suspended')]);

  await t.test('running: memory is kept and stays in use', async (t) => {
    t.ok((await usedBytes(runs.id)) > HELD_BYTES);
    t.equal((await rest.say(runs.id, 'and now?')).reply.content, runs.content);
  });

  await t.test('paused: memory is kept, and is freed only if the kernel can swap it out', async (t) => {
    await ask(pauses, 'pause', 'paused');
    const line = await cluster
      .node('node-1')
      .process.untilLine('what became of its memory', (text) => text.includes('"memory.kept"') || text.includes('"memory.returned"'));
    const used = await usedBytes(pauses.id);
    if (line.includes('"memory.returned"')) t.ok(used < HELD_BYTES / 2, 'it is in swap');
    else t.ok(used > HELD_BYTES, `it stays where it is: ${line}`);
    t.equal((await rest.say(pauses.id, 'and now?')).reply.content, pauses.content, 'the same process, with all that it had in memory');
  });

  await t.test('suspended: memory is freed and its contents are lost', async (t) => {
    await ask(suspends, 'suspend', 'suspended');
    t.notOk(await isThere(suspends.id));
    await hasFilesOnly(t, suspends);
  });

  await t.test('after a restart of the host', async (t) => {
    const message = await rest.post(runs.id, 'wait');
    await runs.life.began(message.id);
    await ask(pauses, 'pause', 'paused');
    await ask(suspends, 'suspend', 'suspended');

    await cluster.node('node-1').kill();
    await engine.powerOff();
    rmSync(cluster.node('node-1').runDirectory, { recursive: true });
    await engine.start();
    await cluster.restartNode('node-1');

    await t.test('running: it comes up by itself, and its current message is answered once', async (t) => {
      t.match(await runs.life.answer(message.id), { metadata: { type: 'error_response', reason: 'agent_died' } });
      await runs.life.settled('idle');
      await hasFilesOnly(t, runs);
      const answers = (await rest.messages(runs.id)).filter(({ metadata }) => metadata.in_reply_to === message.id);
      t.equal(answers.length, 1);
    });

    await t.test('paused: it becomes suspended, with a note, and wakes with its files', async (t) => {
      await pauses.life.settled('suspended');
      t.notOk(await isThere(pauses.id));
      t.match((await rest.messages(pauses.id)).at(-1), { role: 'system', content: /memory is lost/, metadata: { reason: 'memory_lost' } });
      await hasFilesOnly(t, pauses);
    });

    await t.test('suspended: it stays suspended, and wakes with its files', async (t) => {
      t.match(await rest.session(suspends.id), { state: 'suspended', settled: true });
      t.notOk(await isThere(suspends.id));
      await hasFilesOnly(t, suspends);
    });
  });
});

/** Copies an image from the machine's engine to another. */
async function copyImage(tag: string, socket: string): Promise<void> {
  const save = spawn('docker', ['save', tag], { stdio: ['ignore', 'pipe', 'inherit'] });
  const load = promisify(execFile)('docker', ['-H', `unix://${socket}`, 'load']);
  const saved = once(save, 'exit');
  const into = load.child.stdin;
  if (into === null) throw new Error('docker load has no standard input');
  await Promise.all([pipeline(save.stdout, into), load, saved]);
}
