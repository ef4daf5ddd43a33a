import { readFile, writeFile } from 'node:fs/promises';

const SETTING = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/**
 * Makes the kernel show bridged packets to the packet filter; otherwise those between two sessions
 * never reach it. `missing`: the kernel has no such setting, as without the module br_netfilter.
 */
export async function showBridgedPackets(): Promise<'on' | 'turned-on' | 'missing'> {
  const value = await readFile(SETTING, 'utf8').catch(() => undefined);
  if (value === undefined) return 'missing';
  if (value.trim() === '1') return 'on';
  await writeFile(SETTING, '1');
  return 'turned-on';
}
