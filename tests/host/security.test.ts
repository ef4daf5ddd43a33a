import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { deploy, writeAgent } from '../cluster/agents.ts';
import { agentUser, docker, execIn } from '../cluster/docker.ts';
import { type Cluster, startCluster } from '../cluster/harness.ts';
import { expect } from '../cluster/rest.ts';
import type { Session } from '../cluster/shapes.ts';
import { reach, reachedIn } from './reach.ts';
import { addressesOfHost, METADATA, outside, withMetadataAddress } from './targets.ts';
import { attackFrom, Workstation } from './workstation-attacks.ts';

const NEIGHBOUR_PORT = 7070;

/** A hostile agent: runs the Python code that it is sent, and returns the result. */
const HOSTILE = `
import subprocess, sys

def process_message(message, context):
    ran = subprocess.run([sys.executable, "-c", message], capture_output=True, text=True, timeout=60)
    return (ran.stdout + ran.stderr).strip()
`;

/** Finds the guest's process like anybody in the container. */
const GUEST = `
import os
def guest():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline").read().split("\\0")
        except OSError:
            continue
        if len(words) > 1 and words[0].endswith("/node") and words[1].endswith("guest.mjs"):
            return pid
    raise SystemExit("there is no guest")
`;

/** Each is tried by the agent, which must fail, and as the guest, which must succeed. */
const LOCAL: readonly (readonly [string, string])[] = [
  ["open the guest's socket", 'import socket; socket.socket(socket.AF_UNIX).connect("/run/raworc/guest.sock")'],
  [
    "read the guest's journal",
    'import os\nfiles = [e.path for e in os.scandir("/session/.raworc") if e.is_file()]\nassert files\nfor f in files: open(f, "rb").read(16)',
  ],
  ["read the guest's environment", `${GUEST}assert open(f"/proc/{guest()}/environ", "rb").read(16)`],
  [
    "read the guest's memory",
    `${GUEST}pid = guest()\nmemory = open(f"/proc/{pid}/mem", "rb")\nstart = int(open(f"/proc/{pid}/maps").readline().split("-")[0], 16)\nmemory.seek(start)\nassert memory.read(16)`,
  ],
  ["look into the guest's open files", `${GUEST}assert os.listdir(f"/proc/{guest()}/fd")`],
  ['signal the guest', `${GUEST}os.kill(int(guest()), 0)`],
  ['write beside its own directories on the volume', 'import os\nopen("/session/planted", "w").close()\nos.remove("/session/planted")'],
  ['write a log that looks like another run', 'import os\nopen("/session/logs/planted", "w").close()\nos.remove("/session/logs/planted")'],
  ['become another user', 'import os; os.setuid(4242); assert os.getuid() == 4242'],
  ['become another group', 'import os; os.setgroups([4242]); os.setgid(4242)'],
];

/** Ways to become root that must fail, with their errors. */
const TO_ROOT: readonly (readonly [string, string])[] = [
  ['setuid', 'import os; os.setuid(0)'],
  ['setresuid', 'import os; os.setresuid(0, 0, 0)'],
  ['setgid', 'import os; os.setgid(0)'],
  ['su', 'import subprocess; subprocess.run(["su", "-c", "id -u", "root"], stdin=subprocess.DEVNULL, check=True)'],
  ['sudo', 'import subprocess; subprocess.run(["sudo", "-n", "id", "-u"], stdin=subprocess.DEVNULL, check=True)'],
  ['a user namespace of its own', 'import subprocess; subprocess.run(["unshare", "--user", "--map-root-user", "id", "-u"], check=True)'],
  ['mounting', 'import subprocess; subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)'],
  ['a device', 'import os; os.mknod("/session/workspace/disk", 0o60600, os.makedev(8, 0))'],
  ['a root-owned file system', 'open("/etc/planted", "w")'],
  ["its agents' own code", 'import os; open("/opt/raworc/agents/planted", "w")'],
  ["the guest's program", 'open("/opt/raworc/guest/guest.mjs", "a")'],
];

t.setTimeout(240_000);
t.test('a hostile agent in its container', async (t) => {
  const cluster = await startCluster(t, {
    ...{ nodes: [{ name: 'node-1', env: { RAWORC_BUILD_DOCKERFILES: 'true' } }], host: '0.0.0.0' },
    env: { RAWORC_DEFAULT_PROFILES: 'locked,workstation' },
  });
  const { rest } = cluster;
  await deploy(rest, 'hostile', await writeAgent(join(cluster.directory, 'hostile'), { 'main.py': HOSTILE }));
  const [session, neighbour] = await Promise.all([rest.createSession(), rest.createSession()]);
  const container = session.container_id ?? '';
  const asAgent = async (code: string) => (await rest.say(session.id, code)).reply.content;

  for (const [deed, code] of LOCAL) {
    await t.test(`it cannot ${deed}, but the guest can`, async (t) => {
      t.match(await asAgent(`${code}\nprint("done")`), /PermissionError|Permission denied|Operation not permitted/);
      t.same(await execIn(container, ['python3', '-c', `${code}\nprint("done")`]), { code: 0, output: 'done\n' });
    });
  }

  for (const [way, code] of TO_ROOT) {
    await t.test(`it does not become root by ${way}`, async (t) => {
      const said = await asAgent(`${code}\nprint("done")`);
      t.match(said, /Error/);
      t.notMatch(said, /^(0|done)$/m);
    });
  }

  await t.test('it has no capability and can gain none; the guest has exactly three', async (t) => {
    const status = 'print(open("/proc/self/status").read())';
    const agent = await asAgent(status);
    const uid = await agentUser(container);
    t.match(agent, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
    t.not(uid, await agentUser(neighbour.container_id ?? ''), 'which no other session has');
    t.equal(await asAgent('import getpass; print(getpass.getuser())'), 'agent', 'and which has a name');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) t.match(agent, new RegExp(`^${set}:\\s+0+$`, 'm'));
    t.match(agent, /^NoNewPrivs:\s+1$/m);
    t.match(agent, /^Groups:\s*$/m, 'nor a group of the guest');
    const { output: guest } = await execIn(container, ['python3', '-c', status]);
    t.match(guest, /^CapEff:\s+0+e0$/m, 'KILL, SETGID and SETUID');
    t.match(guest, /^NoNewPrivs:\s+1$/m);
  });

  await t.test('it finds nothing of the host or of the guest', async (t) => {
    const { HostConfig, Mounts } = await docker.getContainer(container).inspect();
    t.equal(HostConfig.Privileged, false);
    t.equal(HostConfig.ReadonlyRootfs, true);
    t.notOk(Mounts.some(({ Source }) => Source.includes('docker.sock')));
    t.same(
      Mounts.filter(({ RW }) => RW).map(({ Destination }) => Destination),
      ['/session'],
      'the volume is all that can be written',
    );
    const environment = await asAgent('import os; print(sorted(k for k in os.environ if k.startswith("RAWORC")))');
    t.notMatch(environment, /TOKEN|PASSWORD|SOCKET|NATS/);
  });

  await t.test('it cannot reach host, controller, metadata address or another session, which other processes can', async (t) => {
    await withMetadataAddress(t);
    const listener = await listen(t);
    const { http, node, join: joining } = cluster.ports;
    const ofHost = await addressesOfHost();
    t.ok(ofHost.has('raworc0') && ofHost.has('docker0') && ofHost.size >= 3, "of the sessions' own bridge, of another, and to the outside");
    const onHost = [...ofHost.values(), METADATA].flatMap((host) => [http, node, joining, listener].map((port) => `${host}:${port}`));
    const inNeighbour = `${await listenInside(cluster, neighbour)}:${NEIGHBOUR_PORT}`;

    const nothing = (targets: readonly string[]) => Object.fromEntries(targets.map((target) => [target, false]));
    const everything = (targets: readonly string[]) => Object.fromEntries(targets.map((target) => [target, true]));
    t.same(reachedIn(await outside('bridge', onHost)), everything(onHost), 'a container outside reaches every address of the host');
    t.same(reachedIn(await outside('host', [inNeighbour])), everything([inNeighbour]), 'and the other session');
    const targets = [...onHost, inNeighbour];
    t.same(reachedIn(await asAgent(reach(targets))), nothing(targets), 'the agent reaches none');
    t.same(reachedIn((await execIn(container, ['python3', '-c', reach(targets)])).output), nothing(targets), 'nor would the guest');
    const workstation = await Workstation.create(rest);
    for (const user of ['user', 'root'] as const)
      t.same(reachedIn(await workstation.run(reach(targets), user)), nothing(targets), `nor does ${user} in a workstation`);
    expect(await rest.call('DELETE', `/sessions/${workstation.id}`), 204, 'remove the workstation');

    // A build that fails shows what its programs printed.
    const code = Buffer.from(reach(targets)).toString('base64');
    const script = `python3 -c 'exec(__import__("base64").b64decode("${code}"))' && exit 3`;
    const builds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      installs: { 'index.mjs': '', 'package.json': JSON.stringify({ name: 'a', version: '1.0.0', scripts: { postinstall: script } }) },
      dockerfile: { 'main.py': HOSTILE, Dockerfile: `FROM raworc/session\nRUN ${script}\n` },
    };
    for (const [name, files] of Object.entries(builds)) {
      const failed = t.rejects(deploy(rest, name, await writeAgent(join(cluster.directory, name), files)), /exit code 3/, name);
      t.equal(await asAgent('print("meanwhile")'), 'meanwhile');
      await failed;
      const { id } = await rest.latestBuild();
      const { logs } = (await rest.call('GET', `/spaces/default/build/${id}/logs?limit=1000`)).body as { logs: { line: string }[] };
      const [printed = ''] = logs.flatMap(({ line }) => /\{".*":.*\}/.exec(line)?.[0] ?? []);
      t.same(reachedIn(printed), nothing(targets), `nor does the build of ${name}`);
      expect(await rest.call('DELETE', `/spaces/default/agents/${name}`), 204, 'remove the agent');
    }
    const next = await rest.createSession();
    t.equal((await rest.say(next.id, 'print("as before")')).reply.content, 'as before', 'and the build before them still serves');
  });

  await t.test('a workstation is closed where a locked session is, for its root too', async (t) => {
    const workstation = await Workstation.create(rest);
    await attackFrom(t, workstation);
    t.not(await workstation.run('import os; print(os.getuid())', 'user'), await agentUser(container), 'and no session shares its user');
    expect(await rest.call('DELETE', `/sessions/${workstation.id}`), 204, 'remove the workstation');
  });

  await t.test('afterwards its session still answers', async (t) => {
    t.equal(await asAgent('print("still here")'), 'still here');
    t.equal((await rest.session(session.id)).state, 'idle');
  });
});

/** Listens on every address of the host. */
async function listen(t: Test): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined).end());
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '0.0.0.0', resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Makes the agent of another session listen. Returns the address. */
async function listenInside(cluster: Cluster, session: Session): Promise<string> {
  const server = `import socket\\ns = socket.socket()\\ns.bind(("0.0.0.0", ${NEIGHBOUR_PORT}))\\ns.listen()\\nprint("listening", flush=True)\\nwhile True: s.accept()[0].close()`;
  const code = `
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '${server}'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
print(child.stdout.readline().strip())
`;
  const { reply } = await cluster.rest.say(session.id, code);
  if (reply.content !== 'listening') throw new Error(reply.content);
  const { NetworkSettings } = await docker.getContainer(session.container_id ?? '').inspect();
  const address = NetworkSettings.Networks.raworc_network?.IPAddress ?? '';
  if (address === '') throw new Error('the session is not on raworc_network');
  return address;
}
