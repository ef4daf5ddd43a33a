/**
 * A person in a workstation attacks with all that it lets its `user` and its root do, while the locked session beside it, of the same host, goes on: its
 * messages are answered as fast as before, and what the kernel counts by user is its own.
 */
import { readFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { DEFAULT_FLOWS } from '../../node-agent/domain/flow-bounds.ts';
import { DEFAULT_OPEN_FILES } from '../../node-agent/session/session-settings.ts';
import { type Attachment, type Process, Raworc } from '../../sdk/raworc.ts';
import { within } from '../cluster/deadline.ts';
import { docker } from '../cluster/docker.ts';
import { attackedCluster, MIB, printedNumber, roundOf } from './attacked.ts';
import { BALLAST, CONNECTIONS, COUNT, FILES, FORKS, HOLD, INODES, INOTIFY, MEMORY, PIPES, QUEUES, slowdown } from './greed.ts';
import { ASK_FOR_NAME, reachesNothing } from './network-attacks.ts';
import { type Account, Workstation } from './workstation-attacks.ts';

const AGENT = 'def process_message(message, context):\n    return message\n';
const LIMITS = { disk_bytes: 256 * MIB, processes: 64, memory_bytes: 256 * MIB, cpu: 1 };
/** A session whose processes are all taken refuses commands until those of the attack are gone. */
const RECOVERS_WITHIN_MS = 30_000;
const ACCOUNTS: readonly Account[] = ['user', 'root'];

t.setTimeout(580_000);
t.test('a person in a workstation who attacks everything that there is', async (t) => {
  const env = { RAWORC_DEFAULT_PROFILES: 'locked,workstation' };
  const { cluster, target } = await attackedCluster(t, { agent: AGENT, memoryBytes: 2 ** 32, env });
  const { rest } = cluster;
  const attacker = await Workstation.create(rest, { limits: LIMITS });
  const neighbour = await rest.createSession();
  const raworc = new Raworc({ url: `http://127.0.0.1:${cluster.ports.http}`, token: rest.token });
  const round = await roundOf(cluster, neighbour.id);

  const held: { process: Process; attachment: Attachment }[] = [];
  /** Starts a program. Returns its first line. */
  async function hold(code: string, user: Account): Promise<string> {
    const process = await raworc.processes.start(attacker.id, { argv: ['python3', '-c', code], user });
    const attachment = raworc.attach(attacker.id, process, { offset: 0 });
    held.push({ process, attachment });
    let output = '';
    for await (const part of attachment) {
      if (part.kind === 'stdout' || part.kind === 'stderr') output += Buffer.from(part.bytes).toString();
      if (part.kind === 'exit' || /\n/.test(output)) break;
    }
    return output.trim();
  }

  /** Removes every attack, and waits until commands run again. */
  async function relief(): Promise<void> {
    for (const { process, attachment } of held.splice(0)) {
      attachment.close();
      await raworc.processes.remove(attacker.id, String(process.id));
    }
    await within('a command to run again', RECOVERS_WITHIN_MS, answers());
  }
  async function answers(): Promise<void> {
    while ((await attacker.run('print("answers")', 'root').catch(() => '')) !== 'answers');
  }

  async function meanwhile(t: Test, attack: () => Promise<unknown>, during?: (t: Test) => Promise<unknown>): Promise<void> {
    const { ratio, said } = await slowdown({ round, attack, during: async () => during?.(t), end: relief });
    t.ok(ratio <= 2, said);
  }

  await t.test('it is bounded as a locked session is', async (t) => {
    const [own, other] = await Promise.all(
      [attacker.container, neighbour.container_id ?? ''].map((id) => docker.getContainer(id).inspect()),
    );
    t.equal(own?.HostConfig.CgroupParent, other?.HostConfig.CgroupParent, 'all sessions of the node are in one control group');
    t.match(own?.HostConfig, { Memory: LIMITS.memory_bytes, NanoCpus: 1e9, Privileged: false });
    const processes = own?.HostConfig.PidsLimit ?? 0;
    t.ok(processes >= LIMITS.processes && processes <= 2 * LIMITS.processes, `${processes} processes, with those of the guest`);
    t.same(own?.HostConfig.Ulimits, other?.HostConfig.Ulimits);
    for (const user of ACCOUNTS)
      t.equal(await attacker.run('import resource; print(resource.getrlimit(resource.RLIMIT_CORE))', user), '(0, 0)', 'no core dumps');
  });

  const counted = [
    { what: 'inotify instances', attack: INOTIFY(10_000), most: 9_999, same: INOTIFY(64), least: 64, accounts: ['user'] },
    { what: 'pages of pipes', attack: PIPES(400), most: 399, same: PIPES(8), least: 8, accounts: ACCOUNTS },
    { what: 'message queues', attack: QUEUES(1_000), most: 999, same: QUEUES(4), least: 4, accounts: ACCOUNTS },
    { what: 'open files', attack: FILES, most: DEFAULT_OPEN_FILES, same: FILES, least: 1_000, accounts: ACCOUNTS },
  ] as const;
  const inNeighbour = async (code: string) =>
    z
      .object({ stdout: z.string() })
      .parse((await rest.call('POST', `/sessions/${neighbour.id}/exec`, { argv: ['python3', '-c', code] })).body).stdout;
  for (const { what, attack, most, same, least, accounts } of counted)
    for (const user of accounts)
      await t.test(`${user} uses up all ${what}, and the neighbour has its own`, async (t) => {
        const taken: number[] = [];
        await meanwhile(
          t,
          async () => taken.push(await printedNumber(hold(attack + HOLD, user))),
          async (t) => t.ok((await printedNumber(inNeighbour(same + COUNT))) >= least),
        );
        for (const one of taken) t.ok(one > 0 && one <= most, `${one}`);
      });

  for (const user of ACCOUNTS) {
    await t.test(`${user} starts processes endlessly`, (t) => meanwhile(t, () => hold(FORKS, user)));
    await t.test(`${user} allocates memory endlessly`, (t) => meanwhile(t, () => hold(MEMORY, user)));
    await t.test(`${user} fills the disk and uses up its inodes`, async (t) => {
      await meanwhile(t, () => hold(BALLAST, user));
      await attacker.run('import os; os.remove("ballast")', user);
      await meanwhile(t, () => hold(INODES, user));
      await attacker.run('import os\nfor name in os.listdir("."):\n    if name[0].isdigit(): os.remove(name)', user);
      t.equal(await attacker.run('open("x", "w").write("x"); print(open("x").read())', user), 'x', 'there is room again');
    });
    await t.test(`${user} opens connections and sends datagrams endlessly`, async (t) => {
      const tracked = async () => Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));
      const before = await tracked();
      await meanwhile(
        t,
        () => hold(CONNECTIONS(target), user),
        async (t) => {
          t.ok((await tracked()) - before < DEFAULT_FLOWS.connections + 500, 'the connection table of the host has room');
          t.ok((await target.counted()).accepted > 0, 'and some came about');
        },
      );
    });
    await t.test(`${user} finds no names of other containers, and reaches the public target only`, async (t) => {
      const beside = neighbour.container_id ?? '';
      const address = (await docker.getContainer(beside).inspect()).NetworkSettings.Networks.raworc_network?.IPAddress ?? '';
      t.notMatch(await attacker.run(ASK_FOR_NAME(address), user), /raworc_session/);
      await reachesNothing(t, cluster, target, (code) => attacker.run(code, user), beside);
    });
  }

  await t.test('afterwards both sessions answer', async (t) => {
    t.equal((await rest.say(neighbour.id, 'still here')).reply.content, 'still here');
    t.equal(await attacker.run('print("still here")', 'user'), 'still here');
    t.equal((await rest.session(attacker.id)).state, 'idle');
  });
});
