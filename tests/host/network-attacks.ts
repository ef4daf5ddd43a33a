import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { z } from 'zod';
import { docker, sessionImage } from '../cluster/docker.ts';
import type { Cluster } from '../cluster/harness.ts';
import { C } from './greed.ts';

const run = promisify(execFile);

/** Asks every name server that can be found for the name that belongs to an address. */
export const ASK_FOR_NAME = (own: string) => `${C}
asked = ".".join(reversed("${own}".split("."))) + ".in-addr.arpa"
query = b"\\x12\\x34\\x01\\x00\\x00\\x01" + bytes(6) + b"".join(bytes([len(part)]) + part.encode() for part in asked.split(".")) + b"\\x00\\x00\\x0c\\x00\\x01"
ports = {53} | {int(line.split()[1].split(":")[1], 16) for line in list(open("/proc/net/udp"))[1:]}
answers = []
for port in ports:
    one = socket.socket(type=socket.SOCK_DGRAM)
    one.settimeout(2)
    try:
        one.sendto(query, ("127.0.0.11", port))
        answers.append(repr(one.recv(4096)))
    except OSError as error: answers.append(str(error))
print(answers)`;

const interfaces = z.array(z.object({ ifname: z.string(), addr_info: z.array(z.object({ local: z.string() })) }));

/** A program with this code reaches the target, and nothing else. */
export async function reachesNothing(
  t: Test,
  { ports, nats }: Cluster,
  target: { readonly address: string; readonly port: number },
  asAgent: (code: string) => Promise<string>,
  neighbour: string,
): Promise<void> {
  const found = interfaces.parse(JSON.parse((await run('ip', ['-json', 'addr', 'show'])).stdout));
  const ofHost = [...new Set([...found.flatMap(({ addr_info: all }) => all.map(({ local }) => local)), '169.254.169.254'])];
  const onHost = ofHost.flatMap((host) => [ports.http, ports.node, ports.join, nats?.port ?? 0].map((port) => [host, port] as const));
  const beside = (await docker.getContainer(neighbour).inspect()).NetworkSettings.Networks.raworc_network?.IPAddress ?? '';
  const closed = [...onHost, [beside, 22], ['fe80::1', 80], ['2001:db8::1', 80], ['10.0.0.1', 443], ['192.168.0.1', 443]] as const;
  const reach = (targets: readonly (readonly [string, number])[]) => `
import json, socket
from concurrent.futures import ThreadPoolExecutor
def reached(target):
    try: socket.create_connection(tuple(target), timeout=2).close()
    except OSError: return False
    return True
targets = ${JSON.stringify(targets)}
with ThreadPoolExecutor(16) as pool: print(json.dumps([target for target, ok in zip(targets, pool.map(reached, targets)) if ok]))`;
  const open = [target.address, target.port] as const;
  t.same(JSON.parse(await asAgent(reach([open, ...closed]))), [open]);
  t.equal(
    await asAgent('print(open("/proc/net/if_inet6").read() if __import__("os").path.exists("/proc/net/if_inet6") else "")'),
    '',
    'no IPv6',
  );
  const own = found.filter(({ ifname }) => ifname !== 'lo').flatMap(({ addr_info: all }) => all.map(({ local }) => local));
  const here = own
    .filter((host) => !host.includes(':'))
    .flatMap((host) => [ports.http, ports.node, ports.join].map((port) => [host, port] as const));
  const { stdout } = await run('docker', ['run', '--rm', '--network', 'bridge', await sessionImage(), 'python3', '-c', reach(here)]);
  t.same(JSON.parse(stdout), here, 'a container outside reaches every address of the host');
}
