import type { Test } from 'tap';
import { z } from 'zod';
import { execIn, sessionImage } from '../cluster/docker.ts';
import { expect, type Rest } from '../cluster/rest.ts';
import { sessionShape } from '../cluster/shapes.ts';

const ran = z.object({ stdout: z.string(), stderr: z.string() });

export type Account = 'user' | 'root';

/** A session of the profile workstation, on the session image, in which a person runs programs. */
export class Workstation {
  readonly id: string;
  readonly container: string;
  readonly #rest: Rest;

  private constructor(rest: Rest, id: string, container: string) {
    this.#rest = rest;
    this.id = id;
    this.container = container;
  }

  /** The space must allow the profile. */
  static async create(rest: Rest, resources = {}): Promise<Workstation> {
    const image = await sessionImage();
    expect(await rest.call('PATCH', '/spaces/default', { settings: { images: [image] } }), 200, 'allow the image');
    const answer = await rest.call('POST', '/sessions?wait=120s', { profile: 'workstation', image, resources });
    const { id, container_id } = sessionShape.parse(expect(answer, 201, 'create a workstation'));
    return new Workstation(rest, id, container_id ?? '');
  }

  /** Returns what the Python program printed. */
  async run(code: string, user: Account): Promise<string> {
    const argv = ['python3', '-c', code];
    const answer = await this.#rest.call('POST', `/sessions/${this.id}/exec`, { argv, user, timeout_ms: 60_000 });
    const { stdout, stderr } = ran.parse(expect(answer, 200, 'run a program'));
    return (stdout + stderr).trim();
  }
}

const C = 'import ctypes, os, subprocess, time\nlibc = ctypes.CDLL(None, use_errno=True)\n';
/** Fails with the kernel's error, like the calls of Python. */
const call = (what: string) => `${C}\nif ${what} < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))`;
/** By the call's number here, and on arm64. */
const syscall = (x64: number, arm64: number, ...args: readonly string[]) =>
  call(`libc.syscall(${[`${x64} if os.uname().machine == "x86_64" else ${arm64}`, ...args].join(', ')})`);
const command = (...words: readonly string[]) => `${C}subprocess.run(${JSON.stringify(words)}, stdin=subprocess.DEVNULL, check=True)`;

/** What nobody in a workstation can do, root neither. */
const CLOSED: readonly (readonly [string, string])[] = [
  ['mount a file system', command('mount', '-t', 'tmpfs', 'none', '/mnt')],
  ['mount by the call itself', call('libc.mount(b"none", b"/mnt", b"tmpfs", 0, None)')],
  ['unmount its root', call('libc.umount2(b"/usr", 2)')],
  ['make a device', 'import os; os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)); open("/tmp/disk", "rb")'],
  ['have a user namespace of its own', command('unshare', '--user', '--map-root-user', 'id', '-u')],
  ['have a mount namespace of its own', command('unshare', '--mount', 'id', '-u')],
  ['enter the namespaces of the first process', command('nsenter', '-t', '1', '-m', '-n', 'id', '-u')],
  ['load a module of the kernel', syscall(313, 273, '0', 'b""', '0')],
  ['start another kernel', syscall(246, 104, '0', '0', '0', '0')],
  ['open a file by its handle', call('libc.open_by_handle_at(3, (ctypes.c_char * 128)(), 0)')],
  ['load a program into the kernel', syscall(321, 280, '0', '(ctypes.c_char * 128)()', '128')],
  ['watch the kernel', syscall(298, 241, '(ctypes.c_char * 128)()', '-1', '0', '-1', '0')],
  ['set the clock', 'import time; time.clock_settime(time.CLOCK_REALTIME, time.time())'],
  ['restart the host', call('libc.reboot(0x01234567)')],
  ['send raw packets', 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)'],
  ['change its network', command('ip', 'link', 'set', 'eth0', 'down')],
  ['change the rules of its network', command('nft', 'flush', 'ruleset')],
  ['change its name', 'import socket; socket.sethostname("other")'],
  ['write a setting of the kernel', 'open("/proc/sys/kernel/core_pattern", "w").write("x")'],
  ['ask the kernel for what it logs', call('libc.klogctl(3, (ctypes.c_char * 100)(), 100)')],
  ['press the keys of the kernel', 'open("/proc/sysrq-trigger", "w").write("h")'],
  [
    'write to the control groups',
    'import glob\nfor path in glob.glob("/sys/fs/cgroup/**/*procs", recursive=True): open(path, "w").write("1")\nraise SystemExit("PermissionError" if not glob.glob("/sys/fs/cgroup/**/*procs", recursive=True) else 0)',
  ],
  ['read the memory of the host', 'open("/dev/mem", "rb").read(1)'],
  ['raise its limits', 'import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (10 ** 6, 10 ** 6))'],
  ['be first in every queue', 'import os; os.nice(-20)'],
  ['run before everybody', 'import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))'],
  ['read and write disks before everybody', syscall(251, 30, '1', '0', '1 << 13')],
  ['change the guest', 'open("/opt/raworc/guest/guest.mjs", "a")'],
  ['plant a file below the root', 'open("/planted", "w")'],
  ['remove the socket of the guest', 'import os; os.unlink("/run/raworc/guest.sock")'],
];

/** Finds the guest's process. */
const GUEST = `import ctypes, os
def words(pid):
    try: return open(f"/proc/{pid}/cmdline").read().split("\\0")
    except OSError: return []
guest = next(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and any(word.endswith("guest.mjs") for word in words(pid)[:2]))
`;

/** What is the guest's: `user` cannot do it, root can. It reaches the session itself. */
const OF_GUEST: readonly (readonly [string, string])[] = [
  [
    "read the guest's journal",
    'import os\nfiles = [e.path for e in os.scandir("/session/.raworc") if e.is_file()]\nassert files\nfor f in files: open(f, "rb").read(16)',
  ],
  ["open the guest's socket", 'import socket; socket.socket(socket.AF_UNIX).connect("/run/raworc/guest.sock")'],
  ["read the guest's environment", `${GUEST}assert open(f"/proc/{guest}/environ", "rb").read(16)`],
  ["look into the guest's open files", `${GUEST}assert os.listdir(f"/proc/{guest}/fd")`],
  [
    "read the guest's memory",
    `${GUEST}memory = open(f"/proc/{guest}/mem", "rb")\nmemory.seek(int(open(f"/proc/{guest}/maps").readline().split("-")[0], 16))\nassert memory.read(16)`,
  ],
  ['signal the guest', `${GUEST}os.kill(guest, 0)`],
  ['write beside its own directories on the volume', 'import os\nopen("/session/planted", "w").close()\nos.remove("/session/planted")'],
  ['write to the accounts', 'open("/etc/passwd", "a")'],
  ['become another user', 'import os; os.setuid(4242); assert os.getuid() == 4242'],
  ['become another group', 'import os; os.setgroups([4242]); os.setgid(4242)'],
];

const REFUSED =
  /PermissionError|Permission denied|Operation not permitted|not permitted|Read-only file system|No such file|Function not implemented|No such device|CalledProcessError|not allowed to raise/;

/** Tries everything that a locked session cannot do, as `user` and as root. */
export async function attackFrom(t: Test, workstation: Workstation): Promise<void> {
  for (const user of ['user', 'root'] as const)
    for (const [deed, code] of CLOSED) {
      const said = await workstation.run(`${code}\nprint("done")`, user);
      t.match(said, REFUSED, `${user} cannot ${deed}`);
      t.notMatch(said, /^done$/m, deed);
    }
  for (const [deed, code] of OF_GUEST) {
    t.match(await workstation.run(`${code}\nprint("done")`, 'user'), REFUSED, `user cannot ${deed}`);
    t.equal(await workstation.run(`${code}\nprint("done")`, 'root'), 'done', `root can ${deed}`);
  }
  const status = 'print(open("/proc/self/status").read())';
  const [user, root] = [await workstation.run(status, 'user'), await workstation.run(status, 'root')];
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) t.match(user, new RegExp(`^${set}:\\s+0+$`, 'm'), `user has no ${set}`);
  const bounding = /^CapBnd:\s+(\w+)$/m.exec(root)?.[1] ?? '';
  t.match(root, new RegExp(`^CapEff:\\s+${bounding}$`, 'm'), 'root has what it can get');
  t.match(user, new RegExp(`^CapBnd:\\s+${bounding}$`, 'm'), 'and sudo gives no more');
  t.equal(Number.parseInt(bounding, 16), 0xa00404fb, 'which is what the table of security names');
  t.match(user, /^Seccomp:\s+2$/m, 'calls are filtered');
  t.match(root, /^Seccomp:\s+2$/m);
  const { output } = await execIn(workstation.container, ['cat', '/proc/mounts']);
  t.notMatch(output, /docker\.sock/);
}
