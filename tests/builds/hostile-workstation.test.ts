/**
 * What a hostile agent does in a locked session, done in a workstation by its user and by its root, without a guest that bounds them. The
 * session beside it goes on as before, and the workstation itself is usable again after a suspension, which needs nothing of it.
 */
import { join } from 'node:path';
import t from 'tap';
import { deploy, writeAgent } from '../cluster/agents.ts';
import { startCluster } from '../cluster/harness.ts';
import { expect } from '../cluster/rest.ts';
import { publicTarget } from '../host/public-target.ts';
import { Workstation } from '../host/workstation-attacks.ts';

const MIB = 2 ** 20;
const C = 'import os, socket, sys, time\nopen("/tmp/begun", "w").close()\n';
/** Every process survives what it can: its parent's end, another group, another session. */
const FORKS = `${C}
while True:
    try:
        if os.fork() == 0: os.setsid()
    except OSError: pass`;
const MEMORY = `${C}held = []\nwhile True: held.append(bytes(2 ** 20))`;
const fill = (path: string) =>
  `${C}\nwith open("${path}", "wb", buffering=0) as one:\n    while True:\n        try: one.write(bytes(2 ** 20))\n        except OSError: time.sleep(0.01)`;
const files = (path: string) =>
  `${C}count = 0\nwhile True:\n    try: open(f"${path}/{os.getpid()}-{count}", "x").close(); count += 1\n    except OSError: time.sleep(0.01)`;
const connect = (address: string, port: number) => `${C}got = []
while True:
    one = socket.socket(type=socket.SOCK_DGRAM if len(got) % 2 else socket.SOCK_STREAM)
    one.setblocking(False)
    try: one.connect_ex(("${address}", ${port})); one.send(b"x")
    except OSError: pass
    got.append(one)
    if len(got) > 4000: got.clear()`;
const ECHO = 'def process_message(message, context): return message\n';
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

t.setTimeout(600_000);
t.test('a workstation that attacks everything it finds', async (t) => {
  const target = await publicTarget(t);
  const node = { name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 31, env: { RAWORC_SESSION_DNS: target.address } };
  const cluster = await startCluster(t, { nodes: [node], env: { RAWORC_DEFAULT_PROFILES: 'locked,workstation' } });
  const { rest } = cluster;
  await deploy(rest, 'echo', await writeAgent(join(cluster.directory, 'echo'), { 'main.py': ECHO }));
  const limits = { disk_bytes: 64 * MIB, processes: 64, memory_bytes: 256 * MIB, cpu: 0.5 };
  const attacker = await Workstation.create(rest, { limits });
  const neighbour = await rest.createSession();
  const round = async () => {
    const took: number[] = [];
    for (let at = 0; at < 9; at += 1) {
      const from = performance.now();
      if ((await rest.say(neighbour.id, `hello ${at}`)).reply.content !== `hello ${at}`) throw new Error('another answer');
      took.push(performance.now() - from);
    }
    return median(took);
  };
  await round();

  const attacks: Readonly<Record<string, (home: string) => string>> = {
    'starts processes endlessly': () => FORKS,
    'allocates memory endlessly': () => MEMORY,
    'fills its root': (home) => fill(`${home}/ballast`),
    'fills its workspace': () => fill('/session/workspace/ballast'),
    'uses up its files': (home) => files(home),
    'opens connections and sends datagrams endlessly': () => connect(target.address, target.port),
  };
  for (const user of ['user', 'root'] as const)
    for (const [what, attack] of Object.entries(attacks))
      await t.test(`${user} ${what}`, async (t) => {
        const quiet = [await round(), await round(), await round()];
        const argv = ['python3', '-c', attack(user === 'root' ? '/root' : '/home/user')];
        expect(await rest.call('POST', `/sessions/${attacker.id}/processes`, { argv, user }), 201, 'attack');
        const loud: number[] = [];
        // Most attacks have done their worst by the second round.
        for (let at = 0; at < 4; at += 1) loud.push(await round());
        const ratio = Math.min(...loud) / median(quiet);
        t.comment(`alone ${quiet.map((ms) => ms.toFixed(1)).join(' ')} ms, meanwhile ${loud.map((ms) => ms.toFixed(1)).join(' ')}`);
        t.ok(ratio <= 2, `the neighbour’s messages took ${ratio.toFixed(2)} times as long`);
        expect(await rest.call('POST', `/sessions/${attacker.id}/suspend`), 200, 'suspend');
        const resumed = await rest.call('POST', `/sessions/${attacker.id}/resume?wait=120s`);
        t.match(resumed.body, { state: 'idle' }, 'it is up again');
        const clear =
          'import glob, os\nfor at in glob.glob("/home/user/*") + glob.glob("/root/*") + glob.glob("/session/workspace/*"): os.remove(at)\nprint("clear")';
        t.equal(await attacker.run(clear, 'root'), 'clear', 'and does what its people want');
      });

  t.equal((await rest.say(neighbour.id, 'still here')).reply.content, 'still here');
});
