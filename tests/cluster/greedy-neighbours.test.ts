import { join } from 'node:path';
import t from 'tap';
import { deploy, writeAgent } from './agents.ts';
import { type Cluster, startCluster } from './harness.ts';
import type { Child } from './processes.ts';
import { expect } from './rest.ts';

const MIB = 2 ** 20;

/** Answers at once, or writes or starts processes endlessly. */
const AGENT = `
import os

def process_message(message, context):
    if message not in ("write", "fork"):
        return message
    return attack(message)

def attack(message):
    yield "begun"
    while message == "fork":
        try:
            if os.fork() == 0:
                while True: os.fork()
        except OSError:
            pass
    with open("ballast", "wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(bytes(2 ** 20))
            except OSError:
                pass
`;

const SAID_A_ROUND = 12;
/** A single round on a busy machine proves little. */
const ROUNDS = 8;

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Returns the median time from a message's post to its answer. */
async function round({ rest }: Cluster, session: string): Promise<number> {
  const took: number[] = [];
  for (let at = 0; at < SAID_A_ROUND; at += 1) {
    const from = performance.now();
    const { reply } = await rest.say(session, `hello ${at}`);
    took.push(performance.now() - from);
    if (reply.content !== `hello ${at}`) throw new Error(`it answered ${reply.content}`);
  }
  return median(took);
}

async function rounds(cluster: Cluster, session: string, before: () => Promise<unknown> = async () => undefined): Promise<number[]> {
  const medians: number[] = [];
  for (let at = 0; at < ROUNDS; at += 1) {
    await before();
    medians.push(await round(cluster, session));
  }
  return medians;
}

const shown = (medians: readonly number[]) => medians.map((ms) => ms.toFixed(1)).join(' ');

const linesOf = ({ lines }: Child, event: string, session: string) =>
  lines.filter((line) => line.includes(`"event":"${event}"`) && line.includes(session));

t.setTimeout(240_000);
t.test('sessions that endlessly write or start processes slow no neighbour, and are reported once', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 32 }] });
  const { rest } = cluster;
  await deploy(rest, 'agent', await writeAgent(join(cluster.directory, 'agent'), { 'main.py': AGENT }));
  const neighbour = await rest.createSession();
  await round(cluster, neighbour.id);
  let usual = await rounds(cluster, neighbour.id);

  const attacks = [
    { word: 'write', event: 'session.disk-full', limits: { disk_bytes: 64 * MIB } },
    { word: 'fork', event: 'session.limit-reached', limits: { processes: 64 } },
  ] as const;
  for (const { word, event, limits } of attacks) {
    await t.test(word, async (t) => {
      const attacker = await rest.createSession({ resources: { limits } });
      const attack = async () => expect(await rest.call('POST', `/sessions/${attacker.id}/messages`, { content: word }), 201, 'attack');
      await attack();
      const processes = [cluster.node('node-1').process, cluster.controller];
      for (const process of processes) {
        await process.untilLine(`${event} of ${attacker.id}`, (line) => line.includes(event) && line.includes(attacker.id), 60_000);
      }
      // The guest ends an agent that starts too many: it is to go on.
      const meanwhile = await rounds(cluster, neighbour.id, word === 'fork' ? attack : undefined);
      for (const process of processes) t.equal(linesOf(process, event, attacker.id).length, 1, process.name);
      await rest.removeSession(attacker.id);
      // Others may have come to the machine meanwhile.
      const afterwards = await rounds(cluster, neighbour.id);
      t.comment(`before ${shown(usual)}, meanwhile ${shown(meanwhile)}, afterwards ${shown(afterwards)} ms`);
      t.ok(Math.min(...meanwhile) <= 2 * Math.max(...usual, ...afterwards));
      usual = afterwards;
    });
  }
});
