/** What hostile programs try to reach. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { z } from 'zod';
import { sessionImage } from '../cluster/docker.ts';
import { reach } from './reach.ts';

const run = promisify(execFile);

export const METADATA = '169.254.169.254';

/** Runs the same program in a container that is not Raworc's. */
export async function outside(network: 'bridge' | 'host', targets: readonly string[]): Promise<string> {
  const args = ['run', '--rm', '--network', network, await sessionImage(), 'python3', '-c', reach(targets)];
  return (await run('docker', args)).stdout;
}

const interfacesShape = z.array(z.object({ ifname: z.string(), addr_info: z.array(z.object({ local: z.string() })) }));

/** Returns one address of each host interface. Node.js leaves out a bridge without members. */
export async function addressesOfHost(): Promise<Map<string, string>> {
  const { stdout } = await run('ip', ['-json', '-4', 'addr', 'show']);
  const interfaces = interfacesShape.parse(JSON.parse(stdout)).filter(({ ifname }) => ifname !== 'lo');
  return new Map(interfaces.flatMap(({ ifname, addr_info: [first] }) => (first === undefined ? [] : [[ifname, first.local] as const])));
}

/** Gives the host the metadata service's address during the test. */
export async function withMetadataAddress(t: Test): Promise<void> {
  const { stdout } = await run('ip', ['-4', 'addr', 'show']);
  if (stdout.includes(METADATA)) return;
  t.teardown(() => run('ip', ['addr', 'del', `${METADATA}/32`, 'dev', 'lo']));
  await run('ip', ['addr', 'add', `${METADATA}/32`, 'dev', 'lo']);
}
