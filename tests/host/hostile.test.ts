/**
 * One agent attacks with all that its container lets it do, while the session beside it, of the same host, goes on: its messages are answered as fast as
 * before, and what the kernel counts by user is its own. Nothing can be reached that should not be.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { DEFAULT_FLOWS } from '../../node-agent/domain/flow-bounds.ts';
import { DEFAULT_OPEN_FILES } from '../../node-agent/session/session-settings.ts';
import { agentUser, docker, execIn, sessionImage } from '../cluster/docker.ts';
import { attackedCluster, MIB, printedNumber, roundOf } from './attacked.ts';
import { BALLAST, C, CONNECTIONS, COUNT, FILES, FORKS, HOLD, INODES, INOTIFY, MEMORY, PIPES, QUEUES, slowdown } from './greed.ts';
import { ASK_FOR_NAME, reachesNothing } from './network-attacks.ts';

const run = promisify(execFile);

/** Runs a program to its end, or in the background, answering with its first line of output. */
const AGENT = `
import os, signal, subprocess, sys

def process_message(message, context):
    verb, _, code = message.partition("\\n")
    if verb == "die": os.kill(os.getpid(), signal.SIGKILL)
    if verb == "run":
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        return (ran.stdout + ran.stderr).strip()
    if verb == "hold":
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        return child.stdout.readline().strip()
    return message
`;

t.setTimeout(420_000);
t.test('an agent that attacks everything it finds', async (t) => {
  const { cluster, target } = await attackedCluster(t, { agent: AGENT, memoryBytes: 2 ** 31 });
  const { rest } = cluster;
  const limits = { disk_bytes: 64 * MIB, processes: 64, memory_bytes: 256 * MIB };
  const [attacker, neighbour] = [await rest.createSession({ resources: { limits } }), await rest.createSession()];
  const [attackers, neighbours] = [attacker.container_id ?? '', neighbour.container_id ?? ''];
  const ask = async (session: string, verb: 'run' | 'hold' | 'die', code = '') =>
    (await rest.say(session, `${verb}\n${code}`)).reply.content;
  const round = await roundOf(cluster, neighbour.id);

  async function meanwhile(
    t: Test,
    attack: () => Promise<unknown>,
    during: (t: Test) => Promise<unknown> = async () => undefined,
  ): Promise<void> {
    const end = async () => {
      await ask(attacker.id, 'die');
      t.equal(await agentsIn(attackers), 0, 'nothing of it is left');
    };
    const { ratio, said } = await slowdown({ round, attack, during: () => during(t), end });
    t.ok(ratio <= 2, said);
  }

  const counted: readonly { what: string; attack: string; most: number; same: string; least: number }[] = [
    { what: 'inotify instances', attack: INOTIFY(10_000), most: 9_999, same: INOTIFY(64), least: 64 },
    { what: 'pages of pipes', attack: PIPES(400), most: 399, same: PIPES(8), least: 8 },
    { what: 'message queues', attack: QUEUES(1_000), most: 999, same: QUEUES(4), least: 4 },
    { what: 'open files', attack: FILES, most: DEFAULT_OPEN_FILES, same: FILES, least: 1_000 },
  ];
  for (const { what, attack, most, same, least } of counted) {
    await t.test(`it uses up all ${what} of its user, and the neighbour has its own`, async (t) => {
      const taken: number[] = [];
      const take = async () => taken.push(await printedNumber(ask(attacker.id, 'hold', attack + HOLD)));
      await meanwhile(t, take, async (t) => {
        const more = await printedNumber(ask(attacker.id, 'run', attack + COUNT));
        if (what !== 'open files') t.ok(more < least, `the attack is at its end: ${more} more`);
        t.ok((await printedNumber(ask(neighbour.id, 'run', same + COUNT))) >= least);
      });
      for (const one of taken) t.ok(one > 0 && one <= most, `${one}`);
    });
  }

  await t.test('it has another user than its neighbour, and no core dumps', async (t) => {
    t.not(await agentUser(attackers), await agentUser(neighbours));
    t.equal(await ask(attacker.id, 'run', 'import resource; print(resource.getrlimit(resource.RLIMIT_CORE))'), '(0, 0)');
  });

  const begin = (code: string) => () => ask(attacker.id, 'hold', code);
  await t.test('it starts processes endlessly', (t) => meanwhile(t, begin(FORKS)));
  await t.test('it allocates memory endlessly', (t) => meanwhile(t, begin(MEMORY)));
  await t.test('it fills its disk and uses up its inodes', async (t) => {
    await meanwhile(t, begin(BALLAST));
    await ask(attacker.id, 'run', 'import os; os.remove("ballast")');
    await meanwhile(t, begin(INODES));
    const exhaust =
      'import os\ntry:\n    for count in range(10 ** 6): open(f"{os.getpid()}-{count}", "x").close()\nexcept OSError as error: print(error.strerror)';
    t.equal(await ask(attacker.id, 'run', exhaust), 'No space left on device', 'its files are used up');
    t.equal(await ask(attacker.id, 'run', 'print("answers")'), 'answers', 'its guest goes on');
    await ask(attacker.id, 'run', 'import os\nfor name in os.listdir("."): os.remove(name)');
  });

  await t.test('it opens connections and sends datagrams endlessly', async (t) => {
    const tracked = async () => Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));
    const [before, address] = [await tracked(), JSON.stringify([target.address, target.port])];
    await meanwhile(t, begin(CONNECTIONS(target)), async (t) => {
      t.ok((await tracked()) - before < DEFAULT_FLOWS.connections + 500, 'the connection table of the host has room');
      t.ok((await target.counted()).accepted > 0, 'and some came about');
      const reached = await ask(
        neighbour.id,
        'run',
        `import socket\nsocket.create_connection(tuple(${address}), timeout=3)\nprint("reached")`,
      );
      t.equal(reached, 'reached', 'the neighbour connects');
    });
  });

  await t.test('it asks every name server for other containers’ names', async (t) => {
    const resolve = 'import socket; print(socket.gethostbyname("some.name.example"))';
    t.equal(await ask(attacker.id, 'run', resolve), target.address, 'names are resolved');
    t.equal(await ask(attacker.id, 'run', 'print(open("/etc/resolv.conf").read().strip())'), `nameserver ${target.address}`);
    const own = (await docker.getContainer(neighbours).inspect()).NetworkSettings.Networks.raworc_network?.IPAddress ?? '';
    const reverse = ASK_FOR_NAME(own);
    t.notMatch(await ask(attacker.id, 'run', reverse), /raworc_session/);
    const args = ['run', '--rm', '--network', 'raworc_network', await sessionImage(), 'python3', '-c', reverse];
    t.match((await run('docker', args)).stdout, /raworc_session/, 'Docker tells whoever it is open to');
  });

  await t.test('it reaches the public target, but not the host, controller, bus, metadata address, neighbour, or anything by IPv6', (t) =>
    reachesNothing(t, cluster, target, (code) => ask(attacker.id, 'run', code), neighbours),
  );

  await t.test('it can trace neither the guest nor another agent in the same container', async (t) => {
    const trace = (wanted: string) => `${C}
def name(pid):
    try: return open(f"/proc/{pid}/cmdline").read()
    except OSError: return ""
pid = next(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and ${JSON.stringify(wanted)} in name(pid))
print(libc.ptrace(16, pid, 0, 0), os.strerror(ctypes.get_errno()))`;
    t.match(await ask(attacker.id, 'run', trace('guest.mjs')), /^-1 Operation not permitted$/);
    const own = `${C}pid = os.fork()\nif pid == 0: time.sleep(1000)\nprint(libc.ptrace(16, pid, 0, 0))\nos.kill(pid, 9)`;
    t.equal(await ask(attacker.id, 'run', own), '0', 'as it can its own');
  });

  await t.test('afterwards both sessions answer', async (t) => {
    for (const { id } of [attacker, neighbour]) t.equal((await rest.say(id, 'still here')).reply.content, 'still here');
  });
});

/** Returns live processes of agents in a container, except a new worker. */
async function agentsIn(container: string): Promise<number> {
  const user = await agentUser(container);
  const count = `
import os
found = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    try: status = open(f"/proc/{pid}/status").read()
    except OSError: continue
    found += "\\nUid:\\t${user}\\t" in status and "\\nState:\\tZ" not in status
print(found)`;
  for (let looks = 0; ; looks += 1) {
    const { output } = await execIn(container, ['python3', '-c', count]);
    if (output.trim() === '0' || looks > 50) return Number(output);
  }
}
