/**
 * How much of the host's connection table and network one session can take while another continues.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { z } from 'zod';
import type { FlowBounds } from '../../node-agent/domain/flow-bounds.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork } from '../../node-agent/engine/docker/network.ts';
import { Firewall } from '../../node-agent/engine/firewall/firewall.ts';
import { type RunProgram, runProgram } from '../../node-agent/engine/firewall/programs.ts';
import { prometheusMetrics } from '../../seams/prometheus.ts';
import { systemClock } from '../../seams/system.ts';
import { sessionImage } from '../cluster/docker.ts';
import { type PublicTarget, publicTarget } from './public-target.ts';

const run = promisify(execFile);
const TAG = randomUUID().slice(0, 6);
const NETWORK = { name: `raworc_test_${TAG}`, bridge: `rwf${TAG}` };
const CHAINS = { input: `RAWORC-T-IN-${TAG}`, forward: `RAWORC-T-FW-${TAG}` };
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const docker = async (...args: string[]) => (await run('docker', args)).stdout.trim();

t.setTimeout(120_000);

interface World {
  readonly target: PublicTarget;
  /** Two containers that look like sessions to the network. */
  readonly greedy: string;
  readonly neighbour: string;
  bound(flows: FlowBounds): Promise<void>;
  readonly metrics: ReturnType<typeof prometheusMetrics>;
}

async function world(t: Test, runRules: RunProgram = runProgram): Promise<World> {
  const target = await publicTarget(t);
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, NETWORK, new AbortController().signal);
  t.teardown(() => docker('network', 'rm', NETWORK.name).catch(() => undefined));
  const image = await sessionImage();
  const container = async () => {
    const id = await docker('run', '-d', '--init', '--cap-drop', 'ALL', '--network', NETWORK.name, image, 'sleep', '600');
    t.teardown(() => docker('rm', '-f', id));
    return id;
  };
  const [greedy, neighbour] = [await container(), await container()];
  const metrics = prometheusMetrics({ processMetrics: false });
  let firewall: Firewall | undefined;
  const end = async () => {
    firewall?.close();
    await firewall?.remove();
  };
  t.teardown(end);
  const bound = async (flows: FlowBounds) => {
    await end();
    const plan = { bridge: NETWORK.bridge, table: `raworc_f_${TAG}`, chains: CHAINS, closed: [], allowed: [], flows };
    firewall = new Firewall({ plan, clock: systemClock, log: quiet, metrics, run: runRules });
    await firewall.apply();
  };
  return { target, greedy, neighbour, bound, metrics };
}

/** Runs a program in a container. Returns its output. */
const inside = async (container: string, target: PublicTarget, program: string): Promise<unknown> => {
  const prelude = `import json, socket, sys, time\ntarget = (${JSON.stringify(target.address)}, ${target.port})\n`;
  return JSON.parse(await docker('exec', container, 'python3', '-c', prelude + program));
};
const number = async (answer: Promise<unknown>) => z.number().parse(await answer);

/** Opens connections at once and returns how many answer. Then uses the first ones again. */
const CONNECT = (count: number) => `
sockets = [socket.socket() for _ in range(${count})]
for one in sockets:
    one.setblocking(False)
    one.connect_ex(target)
time.sleep(1)
def answers(one):
    try:
        one.settimeout(2)
        one.send(b"x")
        return one.recv(1) == b"x"
    except OSError: return False
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(len(sockets)) as pool:
    first = list(pool.map(answers, sockets))
    again = list(pool.map(answers, [one for one, works in zip(sockets, first) if works]))
print(json.dumps(sum(first) if all(again) else -1))`;

/** Sends one datagram from each of many ports. */
const SPRAY = (count: number) => `
for _ in range(${count}):
    one = socket.socket(type=socket.SOCK_DGRAM)
    try: one.sendto(b"x", target)
    except OSError: pass
    one.close()
print(json.dumps(${count}))`;

/** Sends as many bytes as it can over one connection for a second and a half. */
const SEND = `
one = socket.create_connection(target, timeout=2)
one.settimeout(0.2)
until, sent = time.monotonic() + 1.5, 0
while time.monotonic() < until:
    try: sent += one.send(bytes(65536))
    except OSError: pass
print(json.dumps(sent))`;

const tracked = async () => Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));

t.test('a session has a maximum of open connections, and a closed one makes room', async (t) => {
  const { target, greedy, neighbour, bound, metrics } = await world(t);
  const many = { connections: 100_000, newPerS: 100_000, egressBytesPerS: 0 };
  await bound(many);
  t.equal(await number(inside(greedy, target, CONNECT(120))), 120, 'without a bound all come about');
  await bound({ ...many, connections: 50 });
  const [held, beside] = await Promise.all([number(inside(greedy, target, CONNECT(120))), number(inside(neighbour, target, CONNECT(20)))]);
  t.ok(held > 40 && held <= 50, `${held} of 120, bound 50, and those go on`);
  t.equal(beside, 20, 'the neighbour has all of its own');
  t.ok((await number(inside(greedy, target, CONNECT(40)))) > 20, 'what was closed is not counted for ever');

  const before = await tracked();
  await inside(greedy, target, SPRAY(3_000));
  t.ok((await tracked()) - before < 200, 'nor do datagrams from 3,000 ports fill the table of the host');
  await bound(many);
  const free = await tracked();
  await inside(greedy, target, SPRAY(3_000));
  t.ok((await tracked()) - free > 2_000, 'as they do without the bound');
  t.match(await metrics.text(), /node_session_packets_dropped_total\{bound="connections"\} [1-9]/);
});

t.test('a session has a maximum of new connections per second', async (t) => {
  const { target, greedy, neighbour, bound } = await world(t);
  const flows = { connections: 100_000, newPerS: 20, egressBytesPerS: 0 };
  await bound({ ...flows, newPerS: 100_000 });
  await target.counted();
  await inside(greedy, target, SPRAY(1_500));
  t.ok((await target.counted()).datagrams > 1_200, 'without a bound they arrive');
  await bound(flows);
  const from = systemClock.monotonic();
  await inside(greedy, target, SPRAY(1_500));
  const seconds = (systemClock.monotonic() - from) / 1000;
  const { datagrams } = await target.counted();
  t.ok(datagrams >= 40 && datagrams <= 80 + 20 * (seconds + 1), `${datagrams} in ${seconds.toFixed(1)} s: 80 at once, then 20 a second`);
  t.equal(await number(inside(neighbour, target, CONNECT(20))), 20, 'the neighbour has all of its own');
});

t.test('a session has a maximum of bytes per second, if the operator sets one', async (t) => {
  const { target, greedy, neighbour, bound } = await world(t);
  const flows = { connections: 1_000, newPerS: 1_000, egressBytesPerS: 200_000 };
  await bound({ ...flows, egressBytesPerS: 0 });
  const send = async (from: string) => {
    await target.counted();
    await inside(from, target, SEND);
    return (await target.counted()).bytes;
  };
  const most = 1_500_000;
  let unbound = 0;
  // On a busy machine, this takes several attempts.
  for (let count = 0; count < 5 && unbound <= most; count += 1) unbound = await send(greedy);
  t.ok(unbound > most, `${unbound} bytes without the bound`);
  await bound(flows);
  const bounded = await send(greedy);
  t.ok(bounded < most, `${bounded} bytes, of ${unbound} without the bound`);
  t.equal(await number(inside(neighbour, target, CONNECT(5))), 5);
});

t.test('without nftables the bounds are iptables rules; a kernel without their modules still has the other rules', async (t) => {
  const withoutNft: RunProgram = (program, args, input) =>
    program === 'nft' ? Promise.reject(new Error('nft failed: not found')) : runProgram(program, args, input);
  const { target, greedy, neighbour, bound } = await world(t, withoutNft);
  await bound({ connections: 50, newPerS: 1_000, egressBytesPerS: 0 });
  const held = await number(inside(greedy, target, CONNECT(120)));
  t.ok(held > 40 && held <= 51, `${held}`);
  t.equal(await number(inside(neighbour, target, CONNECT(20))), 20);

  const raised: string[] = [];
  const countless: RunProgram = (program, args, input = '') =>
    /ct count|connlimit/.test(input) ? Promise.reject(new Error('Operation not supported')) : runProgram(program, args, input);
  const plan = { bridge: NETWORK.bridge, table: `raworc_c_${TAG}`, chains: CHAINS, closed: [target.address], allowed: [] };
  const firewall = new Firewall({
    plan: { ...plan, flows: { connections: 1, newPerS: 1, egressBytesPerS: 0 } },
    ...{ clock: systemClock, log: quiet, run: countless },
    conditions: { raise: ({ type }) => void raised.push(type), clear: () => undefined },
  });
  t.teardown(async () => {
    firewall.close();
    await firewall.remove();
  });
  await firewall.apply();
  t.same(raised, ['FlowsUnbounded']);
  t.equal(await number(inside(neighbour, target, CONNECT(2))), 0, 'what is closed is closed');
});
