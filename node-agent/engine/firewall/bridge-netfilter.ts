import { readFile, writeFile } from 'node:fs/promises';

const SETTING = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/**
 * Packets from one session to another stay on their bridge, and pass the packet filter only while the kernel is set to show it what bridges forward.
 * `missing`: the kernel has no such setting, as without its module br_netfilter.
 */
export async function showBridgedPackets(): Promise<'on' | 'turned-on' | 'missing'> {
  const value = await readFile(SETTING, 'utf8').catch(() => undefined);
  if (value === undefined) return 'missing';
  if (value.trim() === '1') return 'on';
  await writeFile(SETTING, '1');
  return 'turned-on';
}
