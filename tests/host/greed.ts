/** Programs in Python that take whatever they can get, and a way to see whether a neighbour notices. */

export const C = 'import ctypes, fcntl, json, os, socket, sys, time\nlibc = ctypes.CDLL(None, use_errno=True)\n';
/** Takes as many as it can, keeps them, and prints how many. */
export const HOLD = '\nprint(json.dumps(len(got)), flush=True)\nwhile True: time.sleep(1000)';
export const COUNT = '\nprint(json.dumps(len(got)))';

export const INOTIFY = (most: number) => `${C}got = []
while len(got) < ${most}:
    one = libc.inotify_init()
    if one < 0: break
    got.append(one)`;
export const PIPES = (count: number) => `${C}got = []
for _ in range(${count}):
    one = os.pipe()
    try: fcntl.fcntl(one[1], 1031, 2 ** 20)
    except OSError: break
    got.append(one)`;
export const QUEUES = (most: number) => `${C}got = []
class Attributes(ctypes.Structure): _fields_ = [(name, ctypes.c_long) for name in ("flags", "most", "size", "now", "a", "b", "c", "d")]
while len(got) < ${most}:
    name = f"/{os.getpid()}-{len(got)}".encode()
    one = libc.mq_open(name, os.O_RDWR | os.O_CREAT, 0o600, ctypes.byref(Attributes(0, 10, 8192)))
    if one < 0: break
    libc.mq_unlink(name)
    got.append(one)`;
export const FILES = `${C}got = []
try:
    while True: got.append(open("/dev/null"))
except OSError: pass`;

/** These begin with a line of output, and never end. */
const begin = (code: string) => `${C}print("begun", flush=True)\n${code}`;
export const FORKS = begin('while True:\n    try: os.fork()\n    except OSError: pass');
export const MEMORY = begin('held = []\nwhile True: held.append(bytes(2 ** 20))');
export const BALLAST = begin(
  'with open("ballast", "wb", buffering=0) as one:\n    while True:\n        try: one.write(bytes(2 ** 20))\n        except OSError: time.sleep(0.01)',
);
export const INODES = begin(
  'count = 0\nwhile True:\n    try: open(f"{os.getpid()}-{count}", "x").close(); count += 1\n    except OSError: time.sleep(0.01)',
);
/** Begins once 3,000 were tried. */
export const CONNECTIONS = ({
  address,
  port,
}: {
  readonly address: string;
  readonly port: number;
}) => `${C}target = (${JSON.stringify(address)}, ${port})
got = []
while True:
    if len(got) == 3000: print("begun", flush=True)
    one = socket.socket(type=socket.SOCK_DGRAM if len(got) % 2 else socket.SOCK_STREAM)
    one.setblocking(False)
    try: one.connect_ex(target); one.send(b"x")
    except OSError: pass
    got.append(one)
    if len(got) > 4000: got.clear()`;

export const shown = (medians: readonly number[]) => medians.map((ms) => ms.toFixed(1)).join(' ');
export const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

export interface Turns {
  /** Returns what the neighbour's work took, in milliseconds. */
  readonly round: () => Promise<number>;
  readonly attack: () => Promise<unknown>;
  /** Once, during the first attack. */
  readonly during?: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

/**
 * Attacks and rests by turns, so that whatever else the machine does falls on both. An attack that slows the neighbour slows each round: the one
 * that the machine disturbed least is compared with the usual. Returns how many times as long the neighbour's work took.
 */
export async function slowdown({ round, attack, during, end }: Turns): Promise<{ readonly ratio: number; readonly said: string }> {
  const [quiet, loud]: [number[], number[]] = [[], []];
  let ratio = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && ratio > 2; attempt += 1) {
    for (let turn = 0; turn < 3; turn += 1) {
      quiet.push(await round());
      await attack();
      if (attempt === 0 && turn === 0) await during?.();
      loud.push(await round());
      await end();
    }
    ratio = Math.min(...loud) / median(quiet);
  }
  return { ratio, said: `alone ${shown(quiet)} ms, meanwhile ${shown(loud)}: ${ratio.toFixed(2)} times` };
}
