import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Network } from './network.ts';

const run = promisify(execFile);

/** Lets the machines of a network reach what this machine reaches, such as package mirrors, until the end of the test. */
export async function openUplink(t: { teardown(run: () => Promise<void>): unknown }, network: Network): Promise<void> {
  const subnet = `${network.address(0)}/24`;
  const rules = [
    ['nat', 'POSTROUTING', '-s', subnet, '!', '-d', subnet, '-j', 'MASQUERADE'],
    ['filter', 'FORWARD', '-s', subnet, '-j', 'ACCEPT'],
    ['filter', 'FORWARD', '-d', subnet, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
  ] as const;
  for (const [table, ...rule] of rules) {
    await run('iptables', ['-w', '-t', table, '-I', ...rule]);
    t.teardown(async () => void (await run('iptables', ['-w', '-t', table, '-D', ...rule])));
  }
}
