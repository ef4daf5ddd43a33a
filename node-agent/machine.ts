import { createHash } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { readIfThere } from '../seams/private-file.ts';

/** Of the operating system, and of the hardware. The second is readable by root only. */
const ID_FILES = ['/etc/machine-id', '/sys/class/dmi/id/product_uuid'];

/**
 * Returns a fingerprint of this machine that a copy of its disk does not have: a cloned virtual
 * machine keeps the id of the operating system, but has other hardware. It survives reboots and
 * changes of address. Empty if nothing is known.
 */
export async function machineFingerprint(): Promise<string> {
  const ids = await Promise.all(ID_FILES.map((path) => readIfThere(path).catch(() => undefined)));
  const parts = [...ids.map((id) => id?.trim() ?? ''), ...(await hardwareAddresses())];
  if (parts.every((part) => part === '')) return '';
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
}

/** Addresses of physical and virtual network cards, without bridges and the interfaces of containers. */
async function hardwareAddresses(): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const hasDevice = (await readIfThere(`/sys/class/net/${name}/device/uevent`).catch(() => undefined)) !== undefined;
    for (const { mac } of hasDevice ? (addresses ?? []) : []) found.add(mac);
  }
  return [...found].sort();
}
