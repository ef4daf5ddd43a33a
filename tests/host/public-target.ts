import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { z } from 'zod';

const run = promisify(execFile);

export interface PublicTarget {
  readonly address: string;
  readonly port: number;
  /** Connections accepted, and bytes and datagrams received, since the last call. */
  counted(): Promise<z.infer<typeof counts>>;
}

/**
 * Keeps connections, echoes and counts. As a name server, it has one address for every name and no
 * reverse names.
 */
const SERVER = `
import json, select, socket, struct, sys
tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 2 ** 20)
dns = socket.socket(type=socket.SOCK_DGRAM)
for one in (tcp, udp): one.bind((sys.argv[1], int(sys.argv[2])))
dns.bind((sys.argv[1], 53))
tcp.listen(4096)
counts = {"accepted": 0, "bytes": 0, "datagrams": 0}
poll = select.epoll()
sockets = {one.fileno(): one for one in (tcp, udp, dns)}
for number in (0, *sockets): poll.register(number, select.EPOLLIN)
print("listening", flush=True)
while True:
    for number, _ in poll.poll():
        if number == 0:
            if not sys.stdin.readline(): raise SystemExit
            print(json.dumps(counts), flush=True)
            counts = dict.fromkeys(counts, 0)
        elif number == tcp.fileno():
            accepted, _ = tcp.accept()
            counts["accepted"] += 1
            sockets[accepted.fileno()] = accepted
            poll.register(accepted.fileno(), select.EPOLLIN)
        elif number == dns.fileno():
            asked, peer = dns.recvfrom(4096)
            end = asked.index(b"\\0", 12) + 5
            is_address = asked[end - 4:end] == b"\\0\\1\\0\\1"
            answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4" + socket.inet_aton(sys.argv[1]) if is_address else b""
            head = asked[:2] + struct.pack(">HHHHH", 0x8180 if is_address else 0x8183, 1, int(is_address), 0, 0)
            dns.sendto(head + asked[12:end] + answer, peer)
        elif number == udp.fileno():
            counts["bytes"] += len(udp.recv(65536))
            counts["datagrams"] += 1
        else:
            try: data = sockets[number].recv(65536)
            except OSError: data = b""
            if data:
                counts["bytes"] += len(data)
                try: sockets[number].send(data)
                except OSError: pass
            else:
                poll.unregister(number)
                sockets.pop(number).close()
`;

/**
 * A machine in its own network namespace, with an address that is public for the sessions' rules.
 */
export async function publicTarget(t: Test, port = 7071): Promise<PublicTarget> {
  const tag = randomUUID().slice(0, 8);
  // A network of its own for each test: others can be under way.
  const first = 4 * (Number.parseInt(tag.slice(0, 2), 16) % 63);
  const [host, address] = [`203.0.113.${first + 1}`, `203.0.113.${first + 2}`];
  const name = `rwp${tag}`;
  t.teardown(async () => {
    await run('ip', ['link', 'del', `h${tag}`]).catch(() => undefined);
    await run('ip', ['netns', 'del', name]).catch(() => undefined);
  });
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['link', 'add', `h${tag}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
  await run('ip', ['addr', 'add', `${host}/30`, 'dev', `h${tag}`]);
  await run('ip', ['link', 'set', `h${tag}`, 'up']);
  const inside = ['netns', 'exec', name];
  await run('ip', [...inside, 'ip', 'addr', 'add', `${address}/30`, 'dev', 'eth0']);
  for (const link of ['lo', 'eth0']) await run('ip', [...inside, 'ip', 'link', 'set', link, 'up']);
  await run('ip', [...inside, 'ip', 'route', 'add', 'default', 'via', host]);
  const args = ['--pdeathsig', 'KILL', '--', 'ip', ...inside, 'python3', '-c', SERVER, address, String(port)];
  const child = spawn('setpriv', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    address,
    port,
    async counted() {
      child.stdin.write('\n');
      return counts.parse(JSON.parse((await lines.next()).value ?? ''));
    },
  };
}

const counts = z.object({ accepted: z.number(), bytes: z.number(), datagrams: z.number() });
